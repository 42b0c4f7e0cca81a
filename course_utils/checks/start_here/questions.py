"""The tasks of assignment 00 that are answered on paper.

missing_dimensions: eight numbers of one network. padding_answer: how far zeros reach.
"""

from collections.abc import Mapping

from course_utils.checking.check import Ask, check, choice_check
from course_utils.checking.compare import shown

BLANKS = {"a": 3, "b": 45, "c": 30, "d": 2, "e": 3480, "f": 5, "g": 3744, "h": 22470}

# What typical mistakes make of each blank. The text of a failure names the mistake and
# never the value.
MISTAKEN_BLANKS: dict[str, dict[int, str]] = {
    "a": {16: "a weight is (out channels, in channels, height, width)"},
    "b": {
        46: "the division rounds down, not up",
        44: "padding is added on both sides, or the + 1 at the end is missing",
        61: "this is the height; you gave the width",
    },
    "c": {
        31: "the division rounds down, and this pool has no padding",
        29: "the + 1 at the end is missing",
        22: "this is the width; you gave the height",
    },
    "d": {
        1: "a dilation of 2 spreads the 3 taps over 5 pixels",
        4: "padding counts the pixels on one side",
        0: "without padding the map would shrink",
    },
    "e": {
        3456: "the bias has parameters too, one an output channel",
        9624: "dilation spreads the taps and adds none",
        240: "every output channel has taps for every input channel",
    },
    "f": {
        4: "a kernel of k shrinks the map by k - 1",
        3: "the map shrinks by 4 pixels, not by 2",
    },
    "g": {
        14976: "flattening keeps the images of a batch apart",
        468: "the channels are flattened too",
    },
    "h": {
        22464: "the bias has parameters too, one an output",
        3750: "every output has a weight for every input",
    },
}


@check(
    "missing_dimensions",
    right=BLANKS,
    wrong={
        reason: BLANKS | {name: value}
        for name, mistakes in MISTAKEN_BLANKS.items()
        for value, reason in mistakes.items()
    },
)
def check_missing_dimensions(ask: Ask) -> None:
    """Look at each blank; say which is wrong and why, without its value."""
    received = ask.answer
    if not isinstance(received, Mapping) or received.keys() != BLANKS.keys():
        wanted = f"a dict with the keys {list(BLANKS)}"
        ask.fail("the dict", f"expected {wanted}, received {shown(received)}")
    for name, right in BLANKS.items():
        ask.cases.append(name)
        value = received[name]
        if isinstance(value, bool) or not isinstance(value, int):
            ask.fail(f"({name})", f"expected a whole number, received {value!r}")
        if value != right:
            other = "write the formula with its numbers once more"
            reason = MISTAKEN_BLANKS[name].get(value, other)
            ask.fail(f"({name})", f"{value} is not right. Likely mistake: {reason}")


check_padding_answer = choice_check(
    "padding_answer",
    "b",
    {
        "a": "Padding puts zeros where the whole image has pixels, so the crop's "
        "border is computed from something else.",
        "b": "Each layer carries the zeros one pixel further in, four in all; "
        "without padding a number exists only where all its pixels are known.",
        "c": "That holds after one layer. The next layer reads the numbers that "
        "the first one got wrong.",
        "d": "The smaller map of N holds the same numbers as the whole image at "
        "the same places; only the border is missing.",
    },
)
