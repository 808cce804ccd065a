"""A far server: what a process keeps for it, ships to it, and hears from it."""
