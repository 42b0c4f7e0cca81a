"""Putting a learner's answers back into the released assignment."""
