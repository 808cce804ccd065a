"""Scheduling: when a deployment runs by itself. Pure: a schedule and an instant in, instants out.

Instants are in µs since the epoch; a wall time is what a clock in the schedule's zone shows, a datetime without zone.
"""
