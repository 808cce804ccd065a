"""python -m segue.server"""

import sys

from segue.server.process import main

sys.exit(main())
