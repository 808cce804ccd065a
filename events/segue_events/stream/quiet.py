"""The logger that the websockets library is given."""

import logging

__all__ = ("LOGGER",)

# At DEBUG, websockets logs the frames themselves, and the first of them holds the token.
LOGGER = logging.getLogger("segue_events.stream.websockets")
LOGGER.setLevel(logging.WARNING)
