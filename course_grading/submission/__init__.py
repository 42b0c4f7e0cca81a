"""Reading what a learner hands in."""
