"""A course of one assignment whose checks are good, weak, and faulty."""

from pathlib import Path

SOURCE = '''
from small_checks import check_halves, check_largest, check_letter, check_sizes

# %% tags=["task"]
def halves(n):
    """How often 2 can be taken away."""
    # BEGIN SOLUTION
    count = 0
    while n > 1:
        n -= 2
        count += 1
    return count
    # END SOLUTION


# %% tags=["check"]
check_halves(halves)


# %% tags=["task"]
def largest(values):
    # BEGIN SOLUTION
    return max([0, *values])
    # END SOLUTION


# %% tags=["task"]
def sizes(words):
    # BEGIN SOLUTION
    return {len(word) + 1: word for word in words if word}
    # END SOLUTION


# %% tags=["task"]
# BEGIN SOLUTION
letter = "b"
# END SOLUTION
'''

CHECKS = """
from course_utils.checking.check import check

@check("halves")
def check_halves(ask):
    for n in range(6):
        ask.call_and_expect(f"{n}", (n,), n // 2)

@check("largest")
def check_largest(ask):  # it forgets lists without a positive number
    mistakes = {"this is the smallest": 3}
    ask.call_and_expect("three", ([3, 7, 5],), 7, mistakes=mistakes)

@check("sizes")
def check_sizes(ask):  # it fails itself where a word is missing
    received = ask("two", ["box", "", "mask"])
    if received[4] != "box" or received[5] != "mask" or len(received) != 2:
        ask.fail("two", "wrong")

@check("letter")
def check_letter(ask):
    ask.choice("b", {"a": "no", "b": "yes", "c": "no"})
"""

EQUIVALENT = """
[[halves]]
was = "while n > 1:"
now = ["while n >= 1:", "while n != 1:"]
reason = "made up: it is rejected, and the other is no mutant"

[[largest]]
was = "return (max([0, *values]))"
now = ["return max([1,*values])"]
reason = "made up for the test"
"""


def write_course(root: Path) -> None:
    """The sources, checks and equivalent mutants of the course."""
    files = {
        "source/assignments/00_small.py": SOURCE,
        "small_checks.py": CHECKS,
        "tests/checks/small/equivalent.toml": EQUIVALENT,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
