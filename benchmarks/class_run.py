"""A class of 200 graded in isolation: seconds a submission and memory. Minutes.

The assignment is the first four tasks of lesson 01. Of five submissions, one is right,
one untouched, and the others lack an answer, have a wrong one, or have cells of their
own.
"""

import functools
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import psutil

from benchmarks.measure import Row
from course_grading.classroom.run import grade_class, local
from course_grading.classroom.settings import ClassSettings
from course_grading.classroom.submissions import find_submissions

ROOT = Path(__file__).parents[1]
NAME, TASKS = "01_sliding_windows", 4
CLASS = 200
MEGABYTE = 2**20


def first_tasks(folder: str) -> dict[str, Any]:
    """A notebook of the course up to the check of its fourth task."""
    text = (ROOT / folder / f"{NAME}.ipynb").read_text(encoding="utf-8")
    notebook: dict[str, Any] = json.loads(text)
    graded = [i for i, cell in enumerate(notebook["cells"]) if marks(cell).get("grade")]
    notebook["cells"] = notebook["cells"][: graded[TASKS - 1] + 1]
    return notebook


def marks(cell: dict[str, Any]) -> dict[str, Any]:
    """nbgrader's part of a cell's metadata."""
    found: dict[str, Any] = cell["metadata"].get("nbgrader", {})
    return found


def submission(number: int) -> dict[str, Any]:
    """One of the class: of each five, no two are alike."""
    kind = number % 5
    notebook = first_tasks("assignments" if kind == 1 else "solutions")
    answers = [cell for cell in notebook["cells"] if marks(cell).get("solution")]
    if kind == 2:
        answers[number % TASKS]["source"] = "raise NotImplementedError"
    elif kind == 3:
        name = marks(answers[number % TASKS])["grade_id"]
        answers[number % TASKS]["source"] = f"def {name}(*values):\n    return values"
    elif kind == 4:
        own = {"cell_type": "code", "metadata": {}, "outputs": [], "id": "own"}
        own |= {"source": f"print('tried {number} times')", "execution_count": None}
        notebook["cells"].insert(3, own)
    return notebook


def write_class(folder: Path, count: int) -> None:
    """The release and the submissions of a class."""
    (folder / "release").mkdir()
    (folder / "class").mkdir()
    released = json.dumps(first_tasks("assignments"))
    (folder / "release" / f"{NAME}.ipynb").write_text(released, encoding="utf-8")
    for number in range(count):
        path = folder / "class" / f"student-{number:03}.ipynb"
        path.write_text(json.dumps(submission(number)), encoding="utf-8")


class Memory:
    """The most memory that this process's children had together.

    Pages that several share count once, each by its part.
    """

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.peak = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self) -> None:
        """Look once a second."""
        while not self.done.wait(1):
            self.peak = max(self.peak, sum(self.sizes()))

    def sizes(self) -> Iterator[float]:
        """The megabytes of each process."""
        for process in psutil.Process().children(recursive=True):
            try:
                used = process.memory_full_info()
            except psutil.Error:
                continue
            yield getattr(used, "pss", used.rss) / MEGABYTE

    def __enter__(self) -> "Memory":
        """Begin."""
        self.thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """End."""
        self.done.set()
        self.thread.join()


def graded_class(count: int) -> list[Row]:
    """Seconds and memory of one class run."""
    jobs = joblib.cpu_count()
    times: list[float] = []
    with tempfile.TemporaryDirectory() as name, Memory() as memory:
        folder = Path(name)
        write_class(folder, count)
        settings = ClassSettings(reference=str(folder / "release"), seed=1)
        begun = time.perf_counter()
        result = grade_class(
            find_submissions([folder / "class"], assignments=[NAME]),
            settings,
            folder=folder,
            work=functools.partial(local, jobs=jobs),
            tell=lambda done, total, row: times.append(time.perf_counter()),
        )
        whole = time.perf_counter() - begun
    full = [grade.is_full for grade in result.grades]
    if result.faults or full != [n % 5 in (0, 4) for n in range(count)]:
        raise RuntimeError("the class is not graded as it should be")
    records = [grade.record for grade in result.grades if grade.record]
    case = f"{count} submissions, {TASKS} tasks, {jobs} processes"
    steady = (times[-1] - times[2 * jobs]) / (len(times) - 2 * jobs - 1)
    median = statistics.median(record.seconds for record in records)
    figures = [
        (median, "s, median", "goal: 0.25; one submission in its process"),
        (steady, "s each", "all processes at work, once they are warm"),
        (whole, "s in all", "with the start of the processes"),
        (memory.peak, "MB at most", "all processes together"),
    ]
    return [
        Row("class run", case, figure=figure, unit=unit, note=note)
        for figure, unit, note in figures
    ]


def rows() -> list[Row]:
    """A class."""
    return graded_class(CLASS)
