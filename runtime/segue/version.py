"""The version of segue."""

__version__ = "0.1.0"
