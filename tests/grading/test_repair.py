"""A damaged, huge or hostile file is read or refused in a sentence, never an error."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from small_assignment import CHECKS, RIGHT

from course_grading.restoring.restore import restore_file, to_notebook
from course_grading.submission.reading import (
    MAX_CELL_LETTERS,
    MAX_CELLS,
    UngradableError,
    read_submission,
)
from course_grading.submission.repair import (
    BrokenFileError,
    decode_text,
    is_too_much,
    read_json,
    two_sides,
)

CELL = '{"cell_type": "code", "metadata": {}, "source": "x = 1"}'
DEEP = "[" * 100_000
DAMAGED = {
    "whole": (f'{{"cells": [{CELL}, {CELL}]}}', 2, ""),
    "a comma too many": (f'{{"cells": [{CELL}, {CELL},]}}', 2, "in spite of a fault"),
    "a comma too few": (f'{{"cells": [{CELL} {CELL}]}}', 2, "in spite of a fault"),
    "commas in texts": (
        '{"cells": [{"cell_type": "code", "source": "a[1, ] [2,]"},]}',
        1,
        "in spite of a fault",
    ),
    "broken off": (f'{{"cells": [{CELL}, {CELL[:-9]}', 1, "1 whole cells"),
    "broken off in front": (f'x": 1}}, {CELL}, {CELL}]}}', 2, "2 whole cells"),
    "one cell damaged": (
        f'{{"cells": [{CELL}, {{"cell_type": "code, "x"}}, {CELL}]}}',
        2,
        "2 whole cells",
    ),
    "one cell deep": (
        f'{{"cells": [{CELL}, {{"id": {DEEP}]}}, {CELL}]}}',
        2,
        "nested too deeply",
    ),
    "all cells deep": (
        f'{{"cells": [{CELL}, ' + f'{{"id": {DEEP}' * 30,
        1,
        "nested too deeply",
    ),
    "more behind": (f'{{"cells": [{CELL}]}} {CELL}', 1, "goes on behind its end"),
    "an endless number": (f'{{"cells": [{CELL}], "n": {"9" * 10**6}}}', 1, ""),
    "numbers that JSON lacks": (f'{{"n": [NaN, -Infinity], "cells": [{CELL}]}}', 1, ""),
    "keys twice": (f'{{"cells": [], "cells": [{CELL}]}}', 1, ""),
    "raw characters": (f'{{"cells": [{CELL}], "a": "\n\t\0"}}', 1, ""),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_the_cells_that_are_whole_are_read_and_the_fault_is_said(case: str):
    text, number, words = DAMAGED[case]
    content, note = read_json(text)
    assert len(content["cells"]) == number
    assert words in note
    assert bool(words) == bool(note)


def test_a_repair_changes_no_text_in_quotes():
    content, _ = read_json(DAMAGED["commas in texts"][0])
    assert content["cells"][0]["source"] == "a[1, ] [2,]"


@pytest.mark.parametrize("text", ["{", '{"cells": [', DEEP, '{"a":' * 10**5, "]", "a"])
def test_where_nothing_is_whole_a_sentence_says_so(text: str):
    with pytest.raises(BrokenFileError, match="is not a notebook, or only a part"):
        read_json(text)


@pytest.mark.parametrize("unit", ["[],", "1,", '"",', '{"a":0},', '{"a":'])
def test_what_would_take_too_much_memory_is_known_before_it_is_read(unit: str):
    assert is_too_much(unit * (64 * 2**20 // len(unit)))


SIDES = {
    "none": ("a\nb\n", None),
    "a line of equal signs": ("a\n=======\nb\n", None),
    "one": ("a\n<<<<<<< x\nb\n=======\nc\n>>>>>>> y\nd\n", ("a\nb\nd\n", "a\nc\nd\n")),
    "with what was before": (
        "<<<<<<< x\nb\n||||||| z\ne\n=======\nc\n>>>>>>> y",
        ("b\n", "c\n"),
    ),
    "Windows": ("<<<<<<< x\r\nb\r\n=======\r\nc\r\n>>>>>>> y\r\n", ("b\r\n", "c\r\n")),
    "not ended": ("a\n<<<<<<< x\nb\n=======\nc\n", ("a\nb\n", "a\nc\n")),
}


@pytest.mark.parametrize("case", SIDES)
def test_both_sides_of_a_conflict(case: str):
    text, sides = SIDES[case]
    assert two_sides(text) == sides


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"]
)
def test_the_encodings_of_unicode_are_read_without_a_word(encoding: str):
    assert decode_text('{"größer": "😀"}'.encode(encoding)) == ('{"größer": "😀"}', "")


def test_other_encodings_are_read_with_a_note():
    text, note = decode_text('{"a": "größer"}'.encode("latin-1"))
    assert text == '{"a": "größer"}'
    assert "byte 9" in note


def written(folder: Path, content: Any) -> Path:
    path = folder / "90_small.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_cell_that_is_too_long_costs_itself_alone(submit, released):
    def lengthen(notebook: Any) -> None:
        notebook.cells[3].source += "\n#" + "x" * MAX_CELL_LETTERS

    restored = restore_file(submit(change=lengthen), released)
    assert [a.is_open for a in restored.answers.values()] == [True, False, False, False]
    assert "Cell 4 of the file was left out: it holds 100," in restored.notes[0]


def test_all_cells_together_have_a_limit(tmp_path, released):
    source = "x = 1\n" * 15_000
    cells = [{"cell_type": "code", "source": source}] * 100
    submission = read_submission(written(tmp_path, {"cells": cells}))
    assert sum(len(cell.source) for cell in submission.cells) <= 1_000_000
    assert len(submission.notes) <= 12


def test_a_notebook_of_far_too_many_cells_is_refused(tmp_path):
    path = written(tmp_path, {"cells": [{}] * (MAX_CELLS + 1)})
    with pytest.raises(UngradableError, match="more than 5000 cells"):
        read_submission(path)


def test_code_that_python_cannot_parse_harms_no_other_answer(submit, released):
    hostile = {
        "double": "(" * 90_000,
        "add": "-" * 90_000 + "1",
        "sides": "sides = 4\0",
    }
    restored = restore_file(submit(hostile), released)
    assert restored.answers["last"].source == RIGHT["last"]
    assert restored.answers["double"].source == hostile["double"]


WRONG: list[Any] = [
    *(None, 7, -1.5, True, "text", "\ud800", "\0", [], {}, [[]], [None, "a", ["b"]]),
    *({"cells": []}, {"nbgrader": 3}, {"nbgrader": {"grade_id": ["double"]}}),
    *(10**400, [{}] * 50, "<<<<<<< a\nb\n=======\nc\n>>>>>>> d", "x" * 200_000),
]


def put_somewhere(value: Any, wrong: Any, rng: random.Random) -> Any:
    """A copy of some JSON with one value, at a random depth, replaced."""
    if not value or not isinstance(value, dict | list) or rng.random() < 0.15:
        return wrong
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = rng.choice(list(keys))
    changed = value.copy()
    changed[key] = put_somewhere(value[key], wrong, rng)
    return changed


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file cut off, damaged, doubled, or with values of wrong types."""
    here, there = sorted(rng.choices(range(len(data)), k=2))
    lines = data.split(b"\n")
    changes: list[Callable[[], bytes]] = [
        lambda: data[:here],
        lambda: data[here:],
        lambda: data[:here] + rng.randbytes(3) + data[here + 3 :],
        lambda: data[:here] + rng.choice(b'[]{}",:\\0-').to_bytes() + data[here + 1 :],
        lambda: data[:here] + data[there:],
        lambda: data[:there] + data[here:],
        lambda: b"\n".join(rng.sample(lines, len(lines))),
        lambda: data.replace(b"\n", rng.choice([b"\r\n", b"\n<<<<<<< ", b"\0"])),
        lambda: data.decode().encode(rng.choice(["utf-16", "utf-32", "cp037"])),
    ]
    if rng.random() < 0.5:
        return rng.choice(changes)()
    notebook = json.loads(data)
    for _ in range(rng.randint(1, 4)):
        if isinstance(notebook, dict):
            notebook = put_somewhere(notebook, rng.choice(WRONG), rng)
    return json.dumps(notebook, indent=rng.choice([None, 1])).encode()


def test_mutated_files_are_restored_or_refused_but_never_an_error(submit, released):
    path, rng = submit(), random.Random(20261121)
    data = json.dumps(json.loads(path.read_text()), indent=1).encode()
    restored = 0
    for _ in range(1500):
        path.write_bytes(mutated(data, rng))
        try:
            result = restore_file(path, released)
        except UngradableError:
            continue
        assert [c.source for c in result.cells if "check_" in c.grade_id] != []
        restored += 1
        if restored % 10 == 0:
            nbformat.validate(to_notebook(result.cells))
    assert 700 < restored < 1500


def test_the_released_checks_survive_every_mutation(submit, released):
    path, rng = submit(), random.Random(1)
    data = path.read_bytes()
    for _ in range(200):
        path.write_bytes(mutated(data, rng))
        try:
            result = restore_file(path, released)
        except UngradableError:
            continue
        checks = [c.source for c in result.cells if c.grade_id.startswith("check_")]
        assert checks == list(CHECKS.values())
