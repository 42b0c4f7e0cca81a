"""Reading the files in attacks/: what each tries, what is fair, and its submission.

A file begins with lines of the form `# key: value`:

    tries       what it attempts, in a sentence
    assignment  which one; 93_attacked by default
    answers     "right", "wrong" or "stub": what stands in the cells it does not write
    fair        the points that each task should get
    verdicts    what the tasks without points are said to be, such as "crash, wrong"
    says        what some note or message must hold
    hushes      what no note or message may hold
    reviews     what the grade must name for an instructor to look at
    patience    by what to multiply the limits of time

Then cells follow, each under a line `# %%` with its place: `answer NAME`, `check NAME`
(put in the place of the released check), `own` (before the first task) or
`own after NAME`. The text under `# %% file` is run in the grader's tests: it changes
`notebook`, or writes to `path` whatever the learner hands in. Words between @ signs
stand for paths and numbers that are known when the test runs.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attack_base import ANSWERS
from nbformat import v4
from small_assignment import cell

FOLDER = Path(__file__).parent / "attacks"
HEADER = re.compile(r"# (\w+): (.*)")


@dataclass(frozen=True)
class Attack:
    """One file: its header, and its cells as pairs of a place and a text."""

    name: str
    header: dict[str, str]
    cells: list[tuple[str, str]] = field(repr=False)

    @property
    def assignment(self) -> str:
        """The release that it is an answer to."""
        return self.header.get("assignment", "93_attacked")

    @property
    def is_honest(self) -> bool:
        """Whether it is no attack, but what a learner may well hand in."""
        return self.header["tries"].startswith("nothing")

    @property
    def fair(self) -> list[int]:
        """The points that each task should get."""
        return [int(points) for points in self.header["fair"].split()]

    @property
    def verdicts(self) -> list[str]:
        """What the tasks that get no points are said to be, in order."""
        return [v.strip() for v in self.header.get("verdicts", "").split(",") if v]


def read_attack(path: Path) -> Attack:
    """The attack in one file."""
    head, *parts = re.split(r"^# %% *", path.read_text(encoding="utf-8"), flags=re.M)
    header = dict(HEADER.findall(head.replace("\n#   ", " ")))
    cells = [part.partition("\n")[::2] for part in parts]
    return Attack(path.stem, header, [(place.strip(), text) for place, text in cells])


def all_attacks() -> list[Attack]:
    """Every attack, by name."""
    return [read_attack(path) for path in sorted(FOLDER.glob("*.py"))]


def write_submission(
    attack: Attack, original: Any, path: Path, words: dict[str, str]
) -> None:
    """Write what the learner hands in.

    Args:
        attack: what to write.
        original: the released notebook; it is changed.
        path: where the submission goes.
        words: what the words between @ signs stand for.
    """
    answers = ANSWERS[attack.assignment][attack.header.get("answers", "right")]
    for name, source in answers.items():
        cell(original, name).source = source
    first = next(
        i for i, c in enumerate(original.cells) if c.source in [*answers.values()]
    )
    program = ""
    for place, text in attack.cells:
        source = re.sub(r"@(\w+)@", lambda found: words[found[1]], text).strip("\n")
        what, _, name = place.partition(" ")
        if what == "file":
            program = source
        elif what == "answer":
            cell(original, name).source = source
        elif what == "check":
            cell(original, f"check_{name}").source = source
        else:
            at = first - 1
            if name:
                check = cell(original, f"check_{name.removeprefix('after ')}")
                at = original.cells.index(check) + 1
            original.cells.insert(at, v4.new_code_cell(source))
            first += at < first
    exec(program, {"notebook": original, "path": path, "cell": cell, "v4": v4})
    if not path.exists() and not path.is_symlink():
        path.write_text(json.dumps(original), encoding="utf-8")
