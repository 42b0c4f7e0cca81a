"""Answers to faster_network_answer."""

import cheats

RIGHT = ["b", " B "]
WRONG = [
    ("e", "expected one of"),
    (1.13, "expected one of"),
    (cheats.EqualToAll(), "expected one of"),
    (["b"], "expected one of"),
]
