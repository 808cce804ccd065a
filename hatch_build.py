"""The build hook of wheels and source distributions: builds the server's page, if Node is there to do it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ABSENT = (
    "The page is not in this build, since there is no Node with npm: its server will have the API only. "
    "Install Node 20.19 or newer and build again to have it."
)


class PageHook(BuildHookInterface):
    """Puts the built page where the wheel takes it from; an editable install is left to `make ui`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page; a build without Node goes on without it, one whose Node fails does not."""
        del build_data
        root = Path(self.root)
        page = root / "runtime" / "segue" / "server" / "page" / "index.html"
        # A source distribution brings the page that was built with it.
        is_unpacked = (root / "PKG-INFO").exists() and page.exists()
        if version == "editable" or is_unpacked or not (root / "ui" / "package.json").exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            if not page.exists():
                self.app.display_warning(ABSENT)
            return
        self.app.display_info("Building the server's page …")
        _run(npm, "ci", "--silent", "--ignore-scripts", folder=root / "ui")
        _run(npm, "run", "--silent", "build", folder=root / "ui")


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        said = done.stdout.strip()[-4000:]
        raise RuntimeError(
            f"`{' '.join(('npm', *command[1:]))}` in ui failed with code {done.returncode}, so there is no page. "
            f"Set HATCH_BUILD_NO_HOOKS=true to build without it. It said:\n{said}"
        )
