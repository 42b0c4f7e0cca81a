"""Grading beside nbgrader, otter and plain nbval: `make bench-grading`."""
