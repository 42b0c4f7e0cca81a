"""The other process: where a learner's code runs, locked in."""
