"""A tiny course in a folder of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.building import build
from builder.course import Course, read_course, select
from builder.library import Library

PROJECT = """\
[project]
name = "tiny"
[project.urls]
Repository = "https://github.com/someone/tiny.git"
"""

OPS = '''\
"""Operations."""

from __future__ import annotations

import functools
import os.path
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import limits
from .limits import LIMIT

if TYPE_CHECKING:
    from decimal import Decimal

# Two, as in the paper.
FACTOR = 2  # and not three

_HIDDEN = 5


def helper(x: float) -> float:
    return x


def twice(
    values: Sequence[float], *, f: Callable[[float], float] = abs
) -> list[float]:
    """Every value, doubled."""

    def inner(value: float) -> float:
        return FACTOR * value  # inner and value are not global

    return [inner(f(helper(x))) for x in values[:LIMIT]]


@functools.cache
def cached(x: Decimal) -> str:
    return os.path.join("a", str(x), limits.NAME)


def secretive() -> int:
    return _HIDDEN


class Base:
    pass


class Derived(Base):
    size: int = FACTOR

    def method(self) -> int:
        return self.size
'''

LESSON = """\
# ruff: noqa: E402
# %% [markdown]
# # 01. Twice
#
# How large is twice?

# %% tags=["parameters"]
import os

budget = os.environ["COURSE_BUDGET"]

# %% tags=["show"]
from course_utils import twice

# %%
from tqdm.auto import tqdm

for number in tqdm(range(2)):
    print(twice([number]))
print(os.path.basename(os.getcwd()))

# %% tags=["raises-exception"]
twice(3)

# %%
import json

row = {"lesson": "01_twice", "budget": budget, "seconds": 1, "peak_memory_mb": 2}
print("RESULT", json.dumps(row))

# %% [markdown]
# ## Questions
#
# <details><summary>Why?</summary>
#
# So.</details>
# <details><summary>How?</summary>
#
# So.</details>
# <details><summary>When?</summary>
#
# Now.</details>
"""

ASSIGNMENT = '''\
# %% [markdown]
# # 01. Assignment: thrice

# %%
import math

from course_utils.checks.thrice import report

# %% [markdown]
# ## Task 1: thrice (6 points)
# <details><summary>Hint</summary>
#
# Think of it.</details>


# %% tags=["task", "points:6", "section:01_twice#01. Twice"]
def thrice(value: float) -> float:
    """Three times the value."""
    # BEGIN SOLUTION
    if value:
        return math.fsum([value, value, value])
    return 0.0
    # END SOLUTION


# %% tags=["check"]
assert thrice(2) == 6
report("thrice: right")

# %% [markdown]
# ## Task 2: a question (4 points)
# <details><summary>Hint</summary>
#
# Count.</details>

# %% tags=["task", "points:4", "section:01_twice#Questions"]
# BEGIN SOLUTION
answer = 42
# END SOLUTION

# %% tags=["check"]
assert answer == 42
print("answer: right. 42 is 6 times 7.")
'''

FILES = {
    "pyproject.toml": PROJECT,
    "course_utils/__init__.py": "from .ops import twice\n",
    "course_utils/checking/__init__.py": "SAY = print\n",
    "course_utils/checks/other/__init__.py": "",
    "course_utils/checks/thrice/__init__.py": "from .thrice import report\n",
    "course_utils/checks/thrice/thrice.py": "from ...checking import SAY as report\n",
    "course_utils/limits.py": "LIMIT = 3\nNAME = 'n'\n",
    "course_utils/ops.py": OPS,
    "source/lessons/01_twice.py": LESSON,
    "source/assignments/01_thrice.py": ASSIGNMENT,
}


def write_course(root: Path) -> Course:
    """A course of one lesson and one assignment, not built."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return read_course(root)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """The tiny course, not built."""
    return write_course(tmp_path)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny course, built: both its notebooks are executed."""
    course = write_course(tmp_path_factory.mktemp("built"))
    library = Library(course.root, course.package)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_BUDGET", raising=False)
        for path in select(course, []):
            build(course, library, path, force=False, started=no_bar)
    return course.root


def no_bar(name: str, cells: int) -> Callable[[], None]:
    """Show no progress."""
    return lambda: None


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Course:
    """A copy of the built course, to spoil."""
    shutil.copytree(built_once, tmp_path, dirs_exist_ok=True)
    return read_course(tmp_path)


@pytest.fixture
def library(course: Course) -> Library:
    """The tiny course's own library."""
    return Library(course.root, course.package)
