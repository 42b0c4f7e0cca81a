"""Mutants that no check can tell from a right answer, each with the reason.

They stand in `tests/checks/ASSIGNMENT/equivalent.toml`, as tables of a task:

    [[window_sums]]
    was = 'the lines of the solution, as `ast.unparse` writes them'
    now = ['the same lines of a mutant', 'of another']
    reason = 'a sentence'

The lines are compared, not their numbers, so edits elsewhere do not matter. Nor do
spaces, quotes and parentheses, which versions of Python write differently.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proof.mutants import Mutant
from proof.script import SourceError


@dataclass(frozen=True)
class Equivalent:
    """A change of a task's solution that makes no difference."""

    task: str
    was: str
    now: str
    reason: str

    def is_that_of(self, mutant: Mutant) -> bool:
        """Whether this mutant has this change."""
        mine, its = (self.was, self.now), (mutant.was, mutant.now)
        same = [essence(a) == essence(b) for a, b in zip(mine, its, strict=True)]
        return self.task == mutant.task and all(same)


def essence(lines: str) -> str:
    """Lines of Python without what makes no difference here."""
    return re.sub(r"[\s()]", "", lines).replace('"', "'")


def listed(path: Path) -> list[Equivalent]:
    """What a file lists; nothing where there is none.

    Raises SourceError where an entry lacks a part or gives no reason.
    """
    if not path.exists():
        return []
    found = []
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    for task, entries in tables.items():
        for entry in entries:
            if entry.keys() != {"was", "now", "reason"} or not entry["reason"].strip():
                raise SourceError(
                    f"{path.name}, {task}: an entry needs was, now and reason"
                )
            found += [
                Equivalent(task, entry["was"], now, entry["reason"])
                for now in entry["now"]
            ]
    return found


def stale(
    equivalents: Sequence[Equivalent], mutants: Sequence[Mutant]
) -> list[Equivalent]:
    """Those that fit no mutant any more, because the solution has changed."""
    return [
        each
        for each in equivalents
        if not any(each.is_that_of(mutant) for mutant in mutants)
    ]
