"""Checks of assignments, one file an assignment, one check a task."""
