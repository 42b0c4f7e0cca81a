"""Which files a class handed in, and whose they are, in the layouts that exist."""

import os
from pathlib import Path

import pytest

from course_grading.classroom.submissions import find_submissions

KNOWN = ["01_sliding_windows", "02_rcnn"]
METADATA = """\
---
submission_17:
  :submitters:
  - :name: Ada Lovelace
    :sid: '100'
    :email: ada@example.org
  :created_at: 2026-11-02 10:00:00.000000000 Z
  :score: 0.0
submission_18:
  :submitters:
  - :name: Alan Turing
    :email: alan@example.org
  - :name: Grace Hopper
    :sid: '102'
submission_19:
  :submitters: []
"""


def lay_out(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return folder


def students(*paths: Path) -> list[tuple[str, str]]:
    found = find_submissions(paths, assignments=KNOWN)
    return [(s.student, s.path.name) for s in found]


def test_a_folder_of_files_names_the_students_by_file(tmp_path):
    names = ["ada.ipynb", "bob_02_rcnn.ipynb", "01_sliding_windows-eve (2).ipynb"]
    folder = lay_out(tmp_path, *names, "grades.csv", "README.md", "zoe.py")
    assert [student for student, _ in students(folder)] == ["ada", "bob", "eve", "zoe"]


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Ada Lovelace_4711_assignsubmission_file_work.ipynb", "Ada Lovelace (4711)"),
        ("lovelaceada_LATE_12_99_02_rcnn.ipynb", "lovelaceada (12)"),
        ("lovelaceada_12_99_work.ipynb", "lovelaceada (12)"),
        ("ada-Copy1.ipynb", "ada"),
        ("ada.IPYNB", "ada"),
        ("ada.ipynb.txt", "ada"),
        ("Zoë 名.ipynb", "Zoë 名"),
        ("a;rm -rf $HOME`x`'\".ipynb", "a;rm -rf $HOME`x`'\""),
        ("line\nbreak\x1b[31m.ipynb", "line\nbreak\x1b[31m"),
    ],
)
def test_names_of_files(name: str, student: str, tmp_path):
    assert students(lay_out(tmp_path, name)) == [(student, name)]


def test_a_name_that_is_no_text_is_found(tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.ipynb"
    try:
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes no such name")
    assert len(students(tmp_path)) == 1


def test_a_folder_a_student_whatever_lies_in_it(tmp_path):
    folder = lay_out(
        tmp_path,
        "ada/01_sliding_windows.ipynb",
        "bob/deep/er/work.ipynb",
        "bob/.ipynb_checkpoints/work-checkpoint.ipynb",
        "bob/__MACOSX/._work.ipynb",
        "eve/report.pdf",
        "zoe/notes.txt",
    )
    (folder / "yan").mkdir()
    found = find_submissions([folder], assignments=KNOWN)
    assert [(s.student, s.path.name) for s in found] == [
        ("ada", "01_sliding_windows.ipynb"),
        ("bob", "work.ipynb"),
        ("eve", "report.pdf"),
        ("yan", "yan"),
        ("zoe", "zoe"),
    ]
    assert "the folder holds no file" in found[3].problem
    assert "holds only notes.txt" in found[4].problem
    assert [s.problem for s in found[:3]] == [""] * 3


def test_nbgraders_tree(tmp_path):
    lay_out(
        tmp_path,
        "source/02_rcnn/02_rcnn.ipynb",
        "release/02_rcnn/02_rcnn.ipynb",
        "submitted/ada/02_rcnn/02_rcnn.ipynb",
        "submitted/bob/02_rcnn/02_rcnn.ipynb",
        "autograded/ada/02_rcnn/02_rcnn.ipynb",
    )
    expected = [("ada", "02_rcnn.ipynb"), ("bob", "02_rcnn.ipynb")]
    assert students(tmp_path) == students(tmp_path / "submitted") == expected


def test_nbgraders_exchange(tmp_path):
    lay_out(tmp_path, "ada+02_rcnn+2026-11-02 10:00:00.1 UTC+a1b2/02_rcnn.ipynb")
    assert students(tmp_path) == [("ada", "02_rcnn.ipynb")]


def test_a_moodle_export(tmp_path):
    lay_out(tmp_path, "Ada van der Berg_4711_assignsubmission_file_/02_rcnn.ipynb")
    lay_out(tmp_path, "Bob Ross_4712_assignsubmission_file/02_rcnn.ipynb")
    names = [student for student, _ in students(tmp_path)]
    assert names == ["Ada van der Berg (4711)", "Bob Ross (4712)"]


def test_a_gradescope_export(tmp_path):
    lay_out(tmp_path, *(f"submission_{n}/02_rcnn.ipynb" for n in (17, 18, 19)))
    (tmp_path / "submission_metadata.yml").write_text(METADATA)
    assert [student for student, _ in students(tmp_path)] == [
        "Ada Lovelace (100)",
        "Alan Turing (alan@example.org), Grace Hopper (102)",
        "submission_19",
    ]


@pytest.mark.parametrize("text", ["", "- a\n- b", "a: {b", "1: !!python/object:x.y {}"])
def test_metadata_that_is_none_is_left_aside(text: str, tmp_path):
    lay_out(tmp_path, "submission_17/02_rcnn.ipynb")
    (tmp_path / "submission_metadata.yml").write_text(text)
    assert students(tmp_path) == [("submission_17", "02_rcnn.ipynb")]


def test_of_a_copy_of_the_whole_course_only_the_assignments_count(tmp_path):
    for part in ("assignments", "solutions", "notebooks", "course_utils"):
        lay_out(tmp_path, f"ada/{part}/02_rcnn.ipynb")
    (found,) = find_submissions([tmp_path], assignments=KNOWN)
    assert (found.student, found.path.parent.name) == ("ada", "assignments")


def test_files_that_are_named_one_by_one_belong_to_their_folders(tmp_path):
    lay_out(tmp_path, "ada/02_rcnn.ipynb", "bob/02_rcnn (1).ipynb")
    expected = [("ada", "02_rcnn.ipynb"), ("bob", "02_rcnn (1).ipynb")]
    assert students(*tmp_path.glob("*/*.ipynb")) == expected
    assert students(*tmp_path.iterdir()) == expected
    assert students(tmp_path, *tmp_path.glob("*/*.ipynb")) == expected


def test_links_are_not_followed_into_the_work_of_others(tmp_path):
    outside = lay_out(tmp_path / "solutions", "02_rcnn.ipynb")
    folder = lay_out(tmp_path / "class", "ada/02_rcnn.ipynb", "bob/mine.txt")
    (folder / "eve").mkdir()
    (folder / "eve" / "02_rcnn.ipynb").symlink_to(folder / "ada" / "02_rcnn.ipynb")
    (folder / "bob" / "all").symlink_to(outside)
    (folder / "zoe").symlink_to(outside)
    (folder / "ring").mkdir()
    (folder / "ring" / "ring").symlink_to(folder)
    found = {s.student: s for s in find_submissions([folder], assignments=KNOWN)}
    assert set(found) == {"ada", "bob", "eve", "ring"}
    assert "is a link" in found["eve"].problem
    assert "No notebook" in found["bob"].problem
    assert [s for s, _ in students(folder / "eve" / "02_rcnn.ipynb")] == ["eve"]


def test_a_pipe_is_no_submission(tmp_path):
    os.mkfifo(tmp_path / "ada.ipynb")
    (found,) = find_submissions([tmp_path], assignments=KNOWN)
    assert "no ordinary file" in found.problem


def test_a_folder_that_cannot_be_opened_is_a_row(tmp_path, monkeypatch):
    folder = lay_out(tmp_path, "ada/02_rcnn.ipynb", "bob/02_rcnn.ipynb")
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "ada":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    ada, bob = find_submissions([folder], assignments=KNOWN)
    assert (ada.student, ada.problem) == (
        "ada",
        "The folder cannot be opened: Permission denied.",
    )
    assert not bob.problem


def test_ten_thousand_files(tmp_path):
    for number in range(10_000):
        (tmp_path / f"student-{number}.ipynb").touch()
    assert len(students(tmp_path)) == 10_000


def test_an_empty_folder(tmp_path):
    assert students(tmp_path) == []
