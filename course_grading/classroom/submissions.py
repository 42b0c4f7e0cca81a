"""Finding the submissions of a class in files and folders."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_grading.classroom.students import (
    gradescope_students,
    student_of_file,
    student_of_folder,
)

# What people hand in instead of a notebook; the reader has a sentence for each.
WRONG_KINDS = {".py", ".zip", ".html", ".htm", ".pdf", ".docx", ".rar", ".7z", ".gz"}
SKIPPED = {"__pycache__", "__MACOSX", "node_modules", "site-packages"}


@dataclass(frozen=True)
class StudentFile:
    """A file of the class.

    Attributes:
        path: where it is.
        student: whose it is, as far as its path tells.
        problem: why there is nothing to grade, or "".
    """

    path: Path
    student: str
    problem: str = ""


def find_submissions(
    paths: Sequence[Path], *, assignments: Sequence[str]
) -> list[StudentFile]:
    """The submissions in files and folders, ordered by student and path, each once.

    Links inside a folder are not followed, for they may lead to another's file; a path
    that is named itself may be a link.

    Args:
        paths: files, and folders with a file or a folder a student, or as nbgrader,
            Gradescope and Moodle export them.
        assignments: the names of the known assignments, which are no student's.
    """
    found: dict[Path, StudentFile] = {}
    for path in paths:
        if path.is_dir():
            submissions = list(of_folder(class_folder(path), assignments))
        else:
            submissions = [StudentFile(path, student_of_file(path, assignments))]
        for submission in submissions:
            found.setdefault(submission.path.absolute(), submission)
    return sorted(found.values(), key=lambda s: (s.student, str(s.path)))


def class_folder(folder: Path) -> Path:
    """The folder that holds the students' files: a part of it in nbgrader's tree."""
    submitted = folder / "submitted"
    return submitted if submitted.is_dir() else own_part(folder)


def own_part(folder: Path) -> Path:
    """The part of a learner's folder that holds answers: of a whole course, one."""
    is_course = (folder / "course_utils").is_dir() and (folder / "assignments").is_dir()
    return folder / "assignments" if is_course else folder


def of_folder(folder: Path, assignments: Sequence[str]) -> Iterator[StudentFile]:
    """What a class's folder holds: files of students, and their folders."""
    exported = gradescope_students(folder)
    for entry in entries(folder):
        if isinstance(entry, StudentFile):
            yield entry
        elif entry.is_dir(follow_symlinks=False):
            student = student_of_folder(entry.name, exported)
            yield from of_student(Path(entry.path), student)
        elif is_notebook(entry.name) or is_wrong_kind(entry.name):
            path = Path(entry.path)
            yield as_submission(entry, student_of_file(path, assignments))


def of_student(folder: Path, student: str) -> Iterator[StudentFile]:
    """All notebooks below a student's folder; if there is none, why."""
    notebooks: list[StudentFile] = []
    others: list[StudentFile] = []
    pending = [own_part(folder)]
    while pending:
        for entry in entries(pending.pop()):
            if isinstance(entry, StudentFile):
                notebooks.append(StudentFile(entry.path, student, entry.problem))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(own_part(Path(entry.path)))
            elif is_notebook(entry.name):
                notebooks.append(as_submission(entry, student))
            else:
                others.append(as_submission(entry, student))
    wrong = sorted(str(s.path) for s in others if is_wrong_kind(s.path.name))
    if notebooks:
        yield from notebooks
    elif wrong:
        yield StudentFile(Path(wrong[0]), student)
    else:
        names = ", ".join(sorted(s.path.name for s in others)[:3])
        what = f"only {names}" if names else "no file"
        problem = f"No notebook was handed in: the folder holds {what}."
        yield StudentFile(folder, student, problem)


def entries(folder: Path) -> Iterator[os.DirEntry[str] | StudentFile]:
    """What is in a folder and not hidden; a problem where it cannot be opened."""
    try:
        with os.scandir(folder) as scan:
            found = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        problem = f"The folder cannot be opened: {error.strerror}."
        yield StudentFile(folder, student_of_folder(folder.name, {}), problem)
        return
    for entry in found:
        if not entry.name.startswith(".") and entry.name not in SKIPPED:
            yield entry


def as_submission(entry: os.DirEntry[str], student: str) -> StudentFile:
    """A file of a student; a link, pipe or device is none."""
    problem = ""
    if entry.is_symlink():
        problem = (
            f"{entry.name} is a link, which is not followed; hand in the file itself."
        )
    elif not entry.is_file(follow_symlinks=False):
        problem = f"{entry.name} is no ordinary file."
    return StudentFile(Path(entry.path), student, problem)


def is_notebook(name: str) -> bool:
    """Whether a file is meant as a notebook, also when saved as "a.ipynb.txt"."""
    return ".ipynb" in name.lower() and not name.endswith("~")


def is_wrong_kind(name: str) -> bool:
    """Whether a file may have been handed in instead of a notebook."""
    return Path(name).suffix.lower() in WRONG_KINDS
