"""Takes a journal's lock and keeps it: `holder.py DATABASE [fork]`; with `fork`, a child lives on without it."""

import os
import sys
from pathlib import Path

from segue_events.journal.lock import JournalLock

lock = JournalLock(Path(sys.argv[1]))
lock.open()
with lock:
    child = os.fork() if "fork" in sys.argv else None
    if child != 0:
        sys.stdout.write(f"held {child}\n")
        sys.stdout.flush()
    sys.stdin.readline()
