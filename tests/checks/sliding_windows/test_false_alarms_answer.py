"""Answers to false_alarms_answer."""

import cheats

RIGHT = ["b", " B "]
WRONG = [
    ("e", "expected one of"),
    (2, "expected one of"),
    (cheats.EqualToAll(), "expected one of"),
    (["b"], "expected one of"),
]
