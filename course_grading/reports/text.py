"""Text of submissions as reports may show it: nothing in it moves, hides or runs."""

import re

from course_grading.running.verdict import ESCAPES

MOST_LETTERS = 8000  # no check says more; an exception may hold megabytes
# What reorders text (bidi controls), breaks lines unseen, hides (tags, fillers), or is
# forbidden in XML 1.0. Joiners stay: names of many languages need them.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text with unseen characters spelled as <U+202E>, without control characters.

    Line breaks and tabs stay; half characters become question marks. Very long text is
    cut off, which it says.
    """
    left = len(text) - MOST_LETTERS
    if left > 0:
        text = f"{text[:MOST_LETTERS]}... (and {left:,} letters more)"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = ESCAPES.sub("", text.encode("utf-8", "replace").decode("utf-8"))
    return UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def one_line(text: str, *, most: int = 200) -> str:
    """The text on one line, cut off after `most` letters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}\u2026"
