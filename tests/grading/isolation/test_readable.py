"""The lists of files that may be read, over trees made for the purpose."""

from pathlib import Path

import course_grading
import course_utils
from course_grading.isolation.readable import readable_files, spread

COURSE = Path(course_utils.__file__).resolve().parent
GRADER = Path(course_grading.__file__).resolve().parent


def tree(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def allowed(root: Path, *hidden: str) -> tuple[set[str], set[str]]:
    whole: set[Path] = set()
    listed: set[Path] = set()
    spread(root, tuple(root / each for each in hidden), whole, listed)
    return (
        {path.relative_to(root).as_posix() for path in whole},
        {path.relative_to(root).as_posix() for path in listed},
    )


def test_a_folder_without_anything_hidden_is_allowed_whole(tmp_path: Path):
    tree(tmp_path, "torch/a.py", "numpy/b.py")
    assert allowed(tmp_path) == ({"."}, set())


def test_a_folder_around_something_hidden_is_allowed_entry_by_entry(tmp_path: Path):
    tree(
        tmp_path, "python/json.py", "python/site/torch/a.py", "python/site/course/b.py"
    )
    whole, listed = allowed(tmp_path, "python/site/course")
    assert whole == {"python/json.py", "python/site/torch"}
    assert listed == {".", "python", "python/site"}


def test_a_link_to_something_hidden_does_not_allow_it(tmp_path: Path):
    tree(tmp_path, "site/course/b.py", "site/torch/a.py")
    (tmp_path / "site" / "other").symlink_to(tmp_path / "site" / "course")
    whole, _ = allowed(tmp_path, "site/course")
    assert whole == {"site/torch"}


def test_what_does_not_exist_is_left_out(tmp_path: Path):
    assert allowed(tmp_path / "nowhere") == (set(), set())


def test_the_course_is_allowed_without_checks_and_grader():
    whole, listed = map(set, readable_files())
    assert {COURSE / "ops", COURSE / "checking"} <= whole
    assert COURSE in listed
    for folder in (COURSE / "checks", GRADER):
        for hidden in [folder, *folder.rglob("*")]:
            assert hidden not in listed
            assert not any(hidden.is_relative_to(each) for each in whole)


def test_the_folder_around_the_library_is_not_allowed():
    whole, listed = readable_files()
    assert COURSE.parent not in {*whole, *listed}
    assert Path.home() not in whole
