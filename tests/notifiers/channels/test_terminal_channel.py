"""Messages for who sits at a terminal."""

import io

from segue_notifiers import Message
from segue_notifiers.channels.terminal_channel import TerminalChannel


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


MESSAGE = Message(id="m", title="Flow run etl failed", body="one\n\x1b[31mtwo", severity="failure")


async def test_a_terminal_rings_and_obeys_nothing() -> None:
    stream = Terminal()
    await TerminalChannel(stream=stream).send(MESSAGE)

    assert stream.getvalue() == "\a✗ Flow run etl failed\n  one\n   [31mtwo\n"


async def test_a_file_does_not_ring() -> None:
    stream = io.StringIO()
    await TerminalChannel(stream=stream).send(MESSAGE)

    assert stream.getvalue().startswith("✗ Flow run etl failed\n")
