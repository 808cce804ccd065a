"""Channels: the ways a message can take out of the house."""
