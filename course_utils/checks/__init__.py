"""Checks of assignments: a folder an assignment, a file a task."""
