"""Answers to three_trainings_answer."""

import cheats

RIGHT = ["d", " D "]
WRONG = [
    ("f", "expected one of"),
    (4, "expected one of"),
    (cheats.EqualToAll(), "expected one of"),
    (["d"], "expected one of"),
]
