"""What people are told: a firing put into words, as plain text, Markdown and HTML, with secrets masked."""

from segue_notifiers.messages.composition import Composed as Composed
from segue_notifiers.messages.composition import compose as compose

__all__ = ("Composed", "compose")
