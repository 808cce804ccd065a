"""Store: reads what the journal's tables hold of runs, log lines and cached results."""

from segue.store.filters import FlowRunFilter as FlowRunFilter
from segue.store.filters import Page as Page
from segue.store.filters import TaskRunFilter as TaskRunFilter
from segue.store.store import Store as Store
