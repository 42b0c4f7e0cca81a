"""Each grader: how it grades a class in a folder, and the points that it gave."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.grading_peers.assignment import (
    NAME,
    TASKS,
    check_of,
    notebook,
    save,
    solved,
    write_otter,
)
from benchmarks.grading_peers.submissions import Submission

ROOT = Path(__file__).parents[2]
Points = dict[str, float | None]
CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'bench'\n"


@dataclass(frozen=True)
class Course:
    """A folder with an assignment and what a class handed in, in nbgrader's order.

    Attributes:
        folder: of the course.
        students: their names.
        peers: the Python that has nbgrader and otter.
    """

    folder: Path
    students: list[str]
    peers: str

    @classmethod
    def make(cls, folder: Path, handed_in: list[Submission], peers: str) -> "Course":
        """Write all files."""
        save(solved(), folder / "source" / NAME / f"{NAME}.ipynb")
        save(notebook(), folder / "reference" / f"90_{NAME}.ipynb")
        (folder / "nbgrader_config.py").write_text(CONFIG)
        write_otter(folder / "autograder.zip")
        result = cls(folder, [each.name for each in handed_in], peers)
        for each, path in zip(handed_in, result.files, strict=True):
            save(each.notebook, path)
        return result

    @property
    def files(self) -> list[Path]:
        """The notebooks, in the order of the students."""
        submitted = self.folder / "submitted"
        return [submitted / name / NAME / f"{NAME}.ipynb" for name in self.students]

    def run(self, *command: str, **variables: str) -> str:
        """Run a command in the folder; what it printed. A failure is not an error.

        nbgrader looks for programs on the path: those of both environments are there.
        """
        places = [Path(self.peers).parent, Path(sys.executable).parent]
        path = os.pathsep.join([*map(str, places), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(os.environ) | {"PATH": path} | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        (self.folder / "last.log").write_text(f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout


@dataclass(frozen=True)
class Way:
    """A grader: how it grades a class, and where its points are found afterwards.

    Only `grade` is timed; `prepare` makes what an instructor has before grading. A fast
    one grades the class in several copies too, and several times, for its start takes
    much longer than a submission.
    """

    grade: Callable[[Course], None]
    points: Callable[[Course], Points]
    prepare: Callable[[Course], object] = lambda course: None
    copies: int = 1
    repeats: int = 1


def release_by_nbgrader(course: Course) -> None:
    """Make nbgrader's release, and with it its database."""
    course.run(course.peers, "-m", "nbgrader", "generate_assignment", NAME)


def grade_by_nbgrader(course: Course) -> None:
    """`nbgrader autograde` on the class."""
    course.run(course.peers, "-m", "nbgrader", "autograde", NAME)


def points_of_nbgrader(course: Course) -> Points:
    """From its exported table; none for whom it gave no result."""
    course.run(course.peers, "-m", "nbgrader", "export", "--to", "grades.csv")
    with (course.folder / "grades.csv").open() as file:
        scores = {row["student_id"]: row["score"] for row in csv.DictReader(file)}
    graded = {path.name for path in (course.folder / "autograded").iterdir()}
    return {n: float(scores[n]) if n in graded else None for n in course.students}


def grade_by_otter(course: Course) -> None:
    """otter's `grade_submission` on each file, in one process."""
    script = str(Path(__file__).with_name("otter_class.py"))
    files = [str(path) for path in course.files]
    points = course.run(course.peers, script, "autograder.zip", *files)
    (course.folder / "otter.json").write_text(points)


def points_of_otter(course: Course) -> Points:
    """What it gave back."""
    points = json.loads((course.folder / "otter.json").read_text())
    return dict(zip(course.students, points, strict=True))


def grade_by_nbval(course: Course) -> None:
    """`pytest --nbval-lax` on all files."""
    options = ("-q", "--nbval-lax", "--nbval-current-env")
    listener = ("-p", "benchmarks.grading_peers.nbval_points")
    command = (sys.executable, "-m", "pytest", *options, *listener)
    settings = {
        "BENCHMARK_PASSED": str(course.folder / "passed.json"),
        "PYTHONPATH": str(ROOT),
    }
    course.run(*command, *[str(path) for path in course.files], **settings)


def points_of_nbval(course: Course) -> Points:
    """nbval knows no points: a check cell that passes has those of its task."""
    passed = json.loads((course.folder / "passed.json").read_text())
    return {
        name: sum(t.points for t in TASKS if check_of(t) in passed.get(str(path), []))
        for name, path in zip(course.students, course.files, strict=True)
    }


def course_grade() -> Way:
    """The course's own command with one grading process."""
    command = str(Path(sys.executable).with_name("course"))
    result = "result.json"

    def grade(course: Course) -> None:
        course.run(
            *(command, "grade", "submitted", "--isolated", "--jobs", "1"),
            *("--reference", "reference", "--reports", "grades"),
            *("--json", result),
        )

    def points(course: Course) -> Points:
        grades = json.loads((course.folder / result).read_text())["grades"]
        return {each["student"]: each["score"] for each in grades}

    return Way(grade, points, copies=5, repeats=3)


OURS = "course grade"
WAYS: dict[str, Way] = {
    OURS: course_grade(),
    "nbval": Way(grade_by_nbval, points_of_nbval),
    "nbgrader": Way(grade_by_nbgrader, points_of_nbgrader, release_by_nbgrader),
    "otter": Way(grade_by_otter, points_of_otter),
}
