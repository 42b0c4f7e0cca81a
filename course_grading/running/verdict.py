"""From the outcomes of cells to points and sentences; nothing here runs or prints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from course_grading.restoring.answers import Answer
from course_grading.restoring.restore import Restored
from course_grading.running.outcome import CellOutcome
from course_grading.submission.assignment import Assignment, GradedTask

Verdict = Literal[
    "right",
    "wrong",
    "not answered",
    "missing",
    "error",
    "time limit",
    "memory limit",
    "output limit",
    "crash",
    "not run",
]
NOT_ANSWERED = "not answered yet"
MOST_LETTERS = 400  # of an exception
MOST_NOTES = 20  # about own cells
STOPPED: dict[str, tuple[Verdict, str]] = {
    "timeout": (
        "time limit",
        "stopped: {why}; is there a loop that never ends?",
    ),
    "memory": (
        "memory limit",
        "stopped: {why}; does it make something much larger than its input?",
    ),
    "output": (
        "output limit",
        "stopped: {why}; is there a print in a loop that never ends?",
    ),
    "died": (
        "crash",
        "it ended the Python process; what does it do to leave Python, "
        "or to use so much memory?",
    ),
    "not run": ("not run", "not run, because the notebook was stopped before"),
}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CELL_FILE = re.compile(r" \((?:[^()]*[/\\])?[^()/\\]+\.py, line (\d+)\)")


@dataclass(frozen=True)
class Result:
    """What one task earned, and why.

    Attributes:
        name: the task.
        points: what it can earn.
        score: what it earned.
        verdict: one or two words.
        message: what the check says: the case, the expected, the received, the mistake.
        hints: to be opened one after the other.
        section: where the lesson treats it, such as "02_rcnn#Selective search", or "".
        seconds: how long its cell and its check took.
    """

    name: str
    points: int
    score: int
    verdict: Verdict
    message: str
    hints: tuple[str, ...] = ()
    section: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """How a grade came about, so that it can be repeated.

    Attributes:
        assignment: its name, such as "02_rcnn".
        release: the SHA-256 of the released assignment.
        submission: the SHA-256 of the file.
        seed: of the random cases of the checks; None for the fixed ones.
        way: "nbval" (checks in the learner's kernel) or "isolated".
        layers: the layers of isolation that were active.
        missing: the layers that were not, each with the reason.
        versions: of Python, torch, torchvision, NumPy and the course.
        seconds: how long grading the file took.
    """

    assignment: str
    release: str
    submission: str
    seed: int | None
    way: Literal["nbval", "isolated"]
    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Grade:
    """What a file earned.

    Attributes:
        file: the path as it was given.
        results: one a task, in the order of the assignment.
        notes: sentences about the file and about the learner's own cells.
        problem: why the file could not be graded, or "".
        review: why an instructor should look at it, or "".
        record: how the grade came about; None for a file that could not be read.
        student: whose it is, in a class run, or "".
    """

    file: str
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    review: str = ""
    record: Record | None = None
    student: str = ""

    @property
    def score(self) -> int:
        """The points earned."""
        return sum(result.score for result in self.results)

    @property
    def points(self) -> int:
        """The points that can be earned."""
        return sum(result.points for result in self.results)

    @property
    def is_full(self) -> bool:
        """Whether every task is right."""
        return not self.problem and self.score == self.points > 0


def judge(file: str, restored: Restored, outcomes: Mapping[str, CellOutcome]) -> Grade:
    """The grade of a notebook that has run."""
    results = []
    for task in restored.assignment.tasks:
        answer = restored.answers[task.name]
        verdict, message = judge_task(task, answer, outcomes)
        note = f"\nNote: {answer.note}" if answer.note and verdict != "missing" else ""
        score = task.points if verdict == "right" else 0
        text = safe_text(message) + note
        seconds = outcomes[task.name].seconds + outcomes[task.check].seconds
        result = Result(
            task.name, task.points, score, verdict, text, seconds=round(seconds, 3)
        )
        results.append(result)
    notes = restored.notes + own_notes(restored, outcomes)
    return Grade(file, results, notes)


def judge_task(
    task: GradedTask, answer: Answer, outcomes: Mapping[str, CellOutcome]
) -> tuple[Verdict, str]:
    """The verdict on one task, and the words that tell it best."""
    written, checked = outcomes[task.name], outcomes[task.check]
    for outcome in (written, checked):
        if outcome.kind in STOPPED:
            verdict, sentence = STOPPED[outcome.kind]
            return verdict, sentence.format(why=outcome.message)
    if checked.kind == "passed":
        return "right", checked.printed.strip().split("\n")[-1]
    if answer.index < 0:
        return "missing", answer.note
    if answer.is_stub or is_stub(written) or is_stub(checked):
        return "not answered", NOT_ANSWERED
    return judge_failure(task, written, checked)


def is_stub(outcome: CellOutcome) -> bool:
    """Whether a cell ended in the released `raise NotImplementedError`."""
    return outcome.error == "NotImplementedError" and not outcome.message


def judge_failure(
    task: GradedTask, written: CellOutcome, checked: CellOutcome
) -> tuple[Verdict, str]:
    """What is wrong with an answer that was given."""
    if checked.error == "CheckFailed":
        is_empty = "is not answered yet" in checked.message
        return "not answered" if is_empty else "wrong", checked.message
    if written.kind == "failed":
        return "error", f"its cell raised {short_error(written)}"
    if checked.error == "AssertionError":
        return "wrong", checked.message or "the check's assertion does not hold"
    if short_error(checked) == f"NameError: name '{task.name}' is not defined":
        return "error", f"nothing is named {task.name}: does the answer define it?"
    return "error", f"the check raised {short_error(checked)}"


def short_error(outcome: CellOutcome) -> str:
    """An exception in a few words, without the name of a temporary file."""
    text = CELL_FILE.sub(r" (line \1)", outcome.message.strip())
    text = f"{outcome.error}: {text}" if text else outcome.error
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def own_notes(restored: Restored, outcomes: Mapping[str, CellOutcome]) -> list[str]:
    """Sentences about the learner's own cells that did not run through."""
    notes = []
    for grade_id in restored.own:
        outcome = outcomes[grade_id]
        where = f"Your own cell (number {grade_id.removeprefix('own-')} in the file)"
        if outcome.kind == "failed":
            notes.append(f"{where} raised {short_error(outcome)}")
        elif outcome.kind in STOPPED and outcome.kind != "not run":
            _, sentence = STOPPED[outcome.kind]
            notes.append(
                f"{where} was left out: {sentence.format(why=outcome.message)}"
            )
    more = len(notes) - MOST_NOTES
    if more > 0:
        notes[MOST_NOTES:] = [f"{more} more of your own cells did not run through"]
    return [safe_text(note) for note in notes]


def without_points(file: str, problem: str, assignment: Assignment | None) -> Grade:
    """The grade of a file that cannot be graded: no point, and the reason."""
    tasks = assignment.tasks if assignment else ()
    results = [
        Result(t.name, t.points, 0, "not run", safe_text(problem)) for t in tasks
    ]
    return Grade(file, results, problem=safe_text(problem))


def safe_text(text: str) -> str:
    """Text that is safe to show: no escape sequences, no half characters."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return ESCAPES.sub("", text).strip()
