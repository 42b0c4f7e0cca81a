"""Answers to paper_average_precision, and its number beside scikit-learn."""

import itertools
from fractions import Fraction

import cheats
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from course_utils.checks.sliding_windows.questions import PAPER_MISTAKES

RIGHT = [0.55, np.float64(0.55), torch.tensor(11 / 20), Fraction(11, 20)]
WRONG = [
    (0.6, "0.6 is not right. Write down"),
    ("0.55", "a number was expected"),
    (cheats.EqualToAll(), "a number was expected"),
    (True, "a number was expected"),
    (float("nan"), "nan is not right"),
]


def test_the_number_on_paper_and_its_mistakes_are_told_apart():
    hits = [1, 0, 0, 1, 1, 0]
    raw = average_precision_score(hits, [0.95, 0.9, 0.8, 0.7, 0.6, 0.4]) * 3 / 4
    assert raw == pytest.approx(0.525)  # without the envelope
    envelope = [max(1, 2 / 4, 3 / 5), max(2 / 4, 3 / 5), 3 / 5]
    assert sum(envelope) / 4 == pytest.approx(0.55)
    numbers = [0.55, *PAPER_MISTAKES.values()]
    gaps = [abs(a - b) for a, b in itertools.combinations(numbers, 2)]
    assert min(gaps) > 0.003
