"""python -m segue: the same as the `segue` command."""

import sys

from segue.cli.main import main

sys.exit(main())
