"""The grader: restoring, running and reporting, each on its own."""
