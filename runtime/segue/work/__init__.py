"""Work: what is to be run, where and when, and who does it."""

from segue.work.protocol import Beat as Beat
from segue.work.protocol import Work as Work
