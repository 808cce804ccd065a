"""Workers: take runs from a pool, and start each in a process (or container) of its own."""
