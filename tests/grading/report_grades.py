"""Grades for the tests of reports: an ordinary class, and names that mean harm."""

import random
from dataclasses import replace

from course_grading.reports.sections import add_help
from course_grading.running.verdict import Grade, Record, Result, Verdict
from course_grading.submission.assignment import read_assignment, released_folder

ASSIGNMENT = "01_sliding_windows"
RELEASED = read_assignment(ASSIGNMENT, released_folder())
LAYERS = ("user namespace", "PID namespace", "mounts", "Landlock", "seccomp", "limits")
VERSIONS = {"python": "3.12.1", "torch": "2.11.0", "course": "0.1.0"}
RECORD = Record(
    ASSIGNMENT,
    release="ab" * 32,
    submission="cd" * 32,
    seed=1234,
    way="isolated",
    layers=LAYERS,
    missing={"network": "the container allows no network namespace"},
    versions=VERSIONS,
    seconds=0.21,
)
CALL = "distance_iou(tensor([[0.0, 0.0, 2.0, 2.0]]), tensor([[2.0, 0.0, 4.0, 2.0]]))"
MISTAKES = (
    "x and y are swapped",
    "the overlap of boxes that do not touch is not clamped at 0",
    "the centre is taken without dividing by 2",
)
# Each of these did harm to a report of some tool, or could.
HOSTILE = (
    "<script>document.title='harm'</script>",
    "</title><script>document.title='harm'</script>",
    '"><img src=x onerror="document.title=\'harm\'">',
    "</style></script><svg onload=document.title='harm'>",
    "[click](javascript:document.title='harm')",
    "{{ 7 * 7 }}{% raw %}",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd",
    "+1;=2",
    "\uff1d1+1",
    "-1\t=3",
    "| a | b |\n|---|---|\n# big",
    "</pre></details><h1>",
    "]]><x>&amp;&lt;",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "abc\u202egnp.exe",
    "\u2066\u2069\u200f\u061c\u2028\u2029",
    "\udc80half",
    "\x00\x01\x0b\x0c\ufffe\uffff",
    "[bold red]markup[/bold red]",
    "../../../etc/passwd",
    "con",
    "a" * 5000,
    "```\n~~~",
)


def message(task: str, mistake: str) -> str:
    """What a check says of a typical wrong answer."""
    return (
        f"{task}, case 'two boxes side by side': 1 of 4 values differ; "
        f"expected -0.2 at [0, 1], received 0.5\n"
        f"Likely mistake: {mistake}\nCall: {CALL}"
    )


def result(name: str, points: int, verdict: Verdict, text: str) -> Result:
    """A task's result, with hints and section as in a grade."""
    score = points if verdict == "right" else 0
    bare = Result(name, points, score, verdict, text, seconds=0.02)
    return add_help(bare, RELEASED)


def answered(name: str, points: int, skill: float, draw: random.Random) -> Result:
    """A task as somebody of this skill, in [0, 1], may have answered it."""
    luck = draw.random()
    if luck < skill:
        return result(name, points, "right", f"{name}: right (12 cases).")
    if luck < skill + 0.5 * (1 - skill):
        mistake = MISTAKES[min(int(draw.expovariate(1.2)), len(MISTAKES) - 1)]
        return result(name, points, "wrong", message(name, mistake))
    others: list[tuple[Verdict, str]] = [
        ("wrong", f"{name}, case 'no boxes': expected shape (0, 4), received (4,)"),
        ("error", "its cell raised NameError: name 'np' is not defined"),
        ("not answered", "not answered yet"),
        ("missing", "its cell is not in the file any more"),
        ("time limit", "stopped: it took more than 20 s; is there a loop?"),
        ("crash", "it ended the Python process; what does it do to leave Python?"),
    ]
    weights = (4, 3, 5, 1, 1, 1)
    return result(name, points, *draw.choices(others, weights)[0])


def some_class(count: int, *, seed: int = 0) -> list[Grade]:
    """An ordinary class; one file in it cannot be graded, one grade is in doubt."""
    draw = random.Random(seed)
    grades = []
    for number in range(count):
        skill = min(draw.betavariate(3, 1.5), 1.0)
        results = [answered(t.name, t.points, skill, draw) for t in RELEASED.tasks]
        seconds = 0.1 + draw.expovariate(8)
        record = replace(RECORD, submission=f"{number:064x}", seconds=seconds)
        name = f"student {number:03}"
        file = f"submissions/{name}/{ASSIGNMENT}.ipynb"
        grades.append(Grade(file, results, record=record, student=name))
    problem = "01_sliding_windows.ipynb ends in the middle; save or download it again."
    lost = [result(t.name, t.points, "not run", problem) for t in RELEASED.tasks]
    grades[1] = replace(grades[1], results=lost, problem=problem, record=None)
    doubt = "nbval says wrong where the isolated checks say right: window_sums"
    grades[2] = replace(grades[2], review=doubt, notes=["A given cell was changed."])
    return grades


def hostile_class() -> list[Grade]:
    """One submission for each harmful text, which stands wherever a text may stand."""
    grades = []
    for text in HOSTILE:
        wrong = f"{text}, case '{text}': expected {text}, received {text}"
        said = f"{wrong}\nLikely mistake: {text}\nCall: {text}"
        results = [
            Result(text, 2, 0, "wrong", said, (text, f"`{text}`"), f"01_a#{text}"),
            Result("b", 1, 0, "error", f"its cell raised {text}"),
            Result("c", 1, 1, "right", text),
        ]
        record = Record(
            assignment=ASSIGNMENT,
            release=text,
            submission=text,
            seed=None,
            way="isolated",
            layers=(text,),
            missing={text: text},
            versions={text: text},
        )
        file = f"{text}/{text}.ipynb"
        grades.append(Grade(file, results, [text], "", text, record, text))
        grades.append(Grade(file, results[:1], [text], text, text, None, text))
    return grades
