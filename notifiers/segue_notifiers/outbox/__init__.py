"""Outbox: what is to be told, kept as events until each target has it."""
