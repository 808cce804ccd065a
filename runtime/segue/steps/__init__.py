"""Steps: what is done to build, push and pull the code of a project, as its files say.

A step is a function that is called with keywords in the current folder and returns a mapping of outputs, or None.
Besides the ones here, any function that can be imported is one.
"""

from segue.steps.folders import pull_from_remote_storage, set_working_directory
from segue.steps.git import git_clone
from segue.steps.pip import pip_install_requirements
from segue.steps.registry import Step, check_arguments, read_steps
from segue.steps.runner import Finished, run_steps
from segue.steps.shell import run_shell_script
from segue.steps.templates import Sources

__all__ = (
    "Finished",
    "Sources",
    "Step",
    "check_arguments",
    "git_clone",
    "pip_install_requirements",
    "pull_from_remote_storage",
    "read_steps",
    "run_shell_script",
    "run_steps",
    "set_working_directory",
)
