"""The example of alerts without the runtime prints what its README shows, and needs nothing of the runtime."""

import re
import subprocess
import sys
from pathlib import Path

ALERTS = Path(__file__).parents[2] / "examples" / "alerts"


def timeless(text: str) -> str:
    """Return output without instants, and without blanks at the ends of lines."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d\.\d{3})?", "TIME", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_the_shop_tells_of_three_failed_payments_once() -> None:
    [shown] = re.findall(r"^```text\n(.*?)^```$", (ALERTS / "README.md").read_text(), re.MULTILINE | re.DOTALL)

    done = subprocess.run([sys.executable, str(ALERTS / "orders.py")], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")
    assert timeless(done.stderr) == timeless(shown)


def test_nothing_of_the_runtime_is_imported() -> None:
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "print([name for name in sys.modules if name.partition('.')[0] == 'segue'])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(ALERTS / "orders.py")], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
