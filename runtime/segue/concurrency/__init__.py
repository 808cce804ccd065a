"""Concurrency: limits that all runs share, and rates; for plain code in `sync`, for coroutines in `asyncio`."""
