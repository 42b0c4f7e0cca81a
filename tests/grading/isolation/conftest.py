"""A warm process for these tests, without the slow imports."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from inside import ask, bare

from course_grading.isolation.warm import Child, Warm
from course_grading.running.outcome import Limits


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    if sys.platform == "win32":
        pytest.skip("there is no fork on Windows")
    limits = Limits(memory_mb=256, file_mb=8)
    with bare(limits=limits) as warm:
        yield warm


@pytest.fixture
def child(warm: Warm) -> Iterator[Child]:
    child = warm.start_child()
    yield child
    child.end()


@pytest.fixture
def run(child: Child) -> Callable[[str], Any]:
    """Run code in a fresh child; what it left in `value`, or its error."""
    return lambda code: ask(child, code)
