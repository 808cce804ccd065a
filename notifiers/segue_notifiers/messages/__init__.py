"""What people are told: a firing put into words, as plain text, Markdown and HTML, with secrets masked."""

from segue_notifiers.messages.composition import Composed as Composed
from segue_notifiers.messages.composition import Texts as Texts
from segue_notifiers.messages.composition import Words as Words
from segue_notifiers.messages.composition import check_words as check_words
from segue_notifiers.messages.composition import compose as compose
from segue_notifiers.messages.composition import values_of_firing as values_of_firing
from segue_notifiers.messages.template import Template as Template

__all__ = ("Composed", "Template", "Texts", "Words", "check_words", "compose", "values_of_firing")
