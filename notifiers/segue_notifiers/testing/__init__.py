"""What tests of alerts need: channels in memory, and real receivers on loopback."""

from segue_notifiers.testing.memory import MemoryChannel as MemoryChannel
from segue_notifiers.testing.receiver import Answer as Answer
from segue_notifiers.testing.receiver import Receiver as Receiver
from segue_notifiers.testing.receiver import Request as Request

__all__ = ("Answer", "MemoryChannel", "Receiver", "Request")
