"""What a careless notebook is, and the hands that change one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Make = Callable[[Any], str | bytes | None]


@dataclass(frozen=True)
class Case:
    """A careless notebook.

    Attributes:
        name: of the function that makes it.
        make: changes the JSON of a right notebook, or returns the file's content.
        fair: the points that the author would give where they are not all.
        says: words that the learner must read.
    """

    name: str
    make: Make
    fair: dict[str, int]
    says: str

    def content(self, notebook: Any) -> bytes:
        """The file, from a right notebook that may be changed."""
        made = self.make(notebook)
        text = saved(notebook) if made is None else made
        return text if isinstance(text, bytes) else text.encode()


CASES: dict[str, Case] = {}


def careless(*, says: str = "", **fair: int) -> Callable[[Make], Make]:
    """Register a case, with the points of tasks that do not earn them all."""

    def register(make: Make) -> Make:
        assert make.__doc__, make
        assert make.__name__ not in CASES, make
        CASES[make.__name__] = Case(make.__name__, make, fair, says)
        return make

    return register


def saved(notebook: Any) -> str:
    """The file as Jupyter writes it, with a list of lines for each source."""
    written = json.loads(json.dumps(notebook))
    for each in written.get("cells", []):
        if isinstance(each, dict) and isinstance(each["source"], str):
            each["source"] = each["source"].splitlines(keepends=True)
    return json.dumps(written, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def cell(notebook: Any, grade_id: str) -> Any:
    """The cell with this `grade_id`."""
    return next(
        each
        for each in notebook["cells"]
        if each["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )


def place(notebook: Any, grade_id: str) -> int:
    """The number of the cell with this `grade_id`."""
    return notebook["cells"].index(cell(notebook, grade_id))


def code(source: str, **more: Any) -> Any:
    """A new code cell, as a learner adds one."""
    plain = {"cell_type": "code", "metadata": {}, "source": source}
    return plain | {"outputs": [], "execution_count": None} | more


def markdown(source: str) -> Any:
    """A new text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def copied(each: Any, source: str | None = None) -> Any:
    """A copy of a cell as Jupyter pastes it, with all its metadata."""
    copy = json.loads(json.dumps(each))
    copy["source"] = each["source"] if source is None else source
    return copy
