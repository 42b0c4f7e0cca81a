"""Answers to ten_times_faster_answer."""

import cheats

RIGHT = ["b", " B "]
WRONG = [
    ("e", "expected one of"),
    (10, "expected one of"),
    (["b"], "expected one of"),
    (cheats.EqualToAll(), "expected one of"),
]
