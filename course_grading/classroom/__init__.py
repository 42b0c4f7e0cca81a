"""Grading a class: finding the files, sharing the work out, keeping what is done."""
