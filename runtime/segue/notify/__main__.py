"""python -m segue.notify"""

import sys

from segue.notify.process import main

sys.exit(main())
