"""Answers to smallest_side_answer."""

import math

RIGHT = [70.7, 70.7107, 1000 / 300 * math.sqrt(450)]
WRONG = [
    (50, "IoU divides areas"),
    (85, "Draw a square object"),
    (70, "Draw a square object"),
    ("70.7", "a number was expected"),
    ([70.7], "a number was expected"),
]
