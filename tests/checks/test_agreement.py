"""A check says the same where the answer runs beside it and where it is locked in."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from proofs import PROOFS, ROOT, assignments, check_of, file_of, proof_of, tasks

from course_grading.isolation.clock import Clock
from course_grading.isolation.remote import Link
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits
from course_utils.checking.check import CheckFailed

SEED = 2026
# A file of answers imports the oracles beside them, for which a learner's process has
# placeholders.
LOAD = """
import importlib.util, sys
finders = [f for f in sys.meta_path if "placeholders" not in type(f).__module__]
sys.meta_path[:] = finders
for module in [m for m in sys.modules if m.startswith("course_utils.checks")]:
    del sys.modules[module]
sys.path[:0] = [{proofs!r}]
spec = importlib.util.spec_from_file_location({name!r}, {file!r})
answers = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(answers)
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    checks = ROOT / "course_utils" / "checks"
    with Warm(extra_readable=[PROOFS, checks]) as process:
        yield process


def words(check: Callable[..., None], answer: Any) -> str:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            check(answer, seed=SEED)
    except CheckFailed as failure:
        return f"wrong: {failure}"
    return f"right: {printed.getvalue()}"


def load_in(link: Link, file: Path, name: str) -> None:
    code = LOAD.format(proofs=str(PROOFS), name=name, file=str(file))
    assert link.run(code) == (None, "")


@pytest.mark.parametrize("assignment", assignments())
def test_both_ways_say_the_same(assignment: str, warm: Warm):
    child = warm.start_child()
    link = Link(child, Clock(Limits(), file_end=monotonic() + 600))
    for name, task in tasks():
        if name != assignment:
            continue
        proof, check = proof_of(name, task), check_of(name, task)
        load_in(link, file_of(name, task), proof.__name__)
        for kind, part in (("RIGHT", ""), ("WRONG", "[0]")):
            for number, entry in enumerate(getattr(proof, kind)):
                link.run(f"{task} = answers.{kind}[{number}]{part}")
                there = words(check, link.describe(task))
                here = words(check, entry[0] if part else entry)
                assert there == here
                assert there.startswith(kind.lower())
    child.end()
