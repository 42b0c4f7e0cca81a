"""Every listed answer gets the same words from its check in both ways of grading.

Once the check calls the answer in its own process, as in a notebook; once it asks for
it in a locked-in process, as when a class is graded.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from test_proofs import ANSWERS, MODULES, check_of

from course_grading.isolation.clock import Clock
from course_grading.isolation.remote import Link
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits
from course_utils.checking.check import CheckFailed

HERE = Path(__file__).parent
SEED = 2026
LOAD = """
import importlib.util, sys
sys.path.insert(0, {folder!r})
spec = importlib.util.spec_from_file_location({name!r}, {file!r})
answers = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(answers)
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    with Warm(extra_readable=[ANSWERS, HERE]) as process:
        yield process


def words(check: Callable[..., None], answer: Any) -> str:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            check(answer, seed=SEED)
    except CheckFailed as failure:
        return f"wrong: {failure}"
    return f"right: {printed.getvalue()}"


@pytest.mark.parametrize("module", MODULES)
def test_both_ways_say_the_same(module: str, warm: Warm):
    child = warm.start_child()
    link = Link(child, Clock(Limits(), file_end=monotonic() + 600))
    file = ANSWERS / module / "__init__.py"
    if not file.exists():
        file = ANSWERS / f"{module}.py"
    code = LOAD.format(folder=str(HERE), name=f"answers_to_{module}", file=str(file))
    assert link.run(code) == (None, "")
    for task in MODULES[module].RIGHT:
        check = check_of(module, task)
        for kind, part in (("RIGHT", ""), ("WRONG", "[0]")):
            for number, entry in enumerate(getattr(MODULES[module], kind)[task]):
                link.run(f"{task} = answers.{kind}[{task!r}][{number}]{part}")
                there = words(check, link.describe(task))
                here = words(check, entry[0] if part else entry)
                assert there == here
                assert there.startswith(kind.lower())
    child.end()
