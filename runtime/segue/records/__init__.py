"""Records: what is known of runs, log lines and cached results; hooks, store and command line share them."""

from segue.records.logs import LogLine as LogLine
from segue.records.runs import CacheEntry as CacheEntry
from segue.records.runs import FlowRun as FlowRun
from segue.records.runs import TaskRun as TaskRun
