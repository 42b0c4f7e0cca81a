"""Careless notebooks: each a small change to a right one, with what is fair.

A case is a function that takes the JSON of a right notebook and changes it, or returns
the text or bytes of the file. Its docstring says what happened; the decorator says what
the author of the assignment would give where that is not all points, and which words
the learner must read somewhere in the report.
"""

from . import answers, cells, conflicts, damaged, editors
from .case import CASES, Case

__all__ = ["CASES", "Case", "answers", "cells", "conflicts", "damaged", "editors"]
