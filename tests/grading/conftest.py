"""The small assignment, released, and submissions made from it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from small_assignment import RIGHT, Change, cell, small_assignment


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    nbformat.write(small_assignment(), folder / "90_small.ipynb")
    other = small_assignment()
    for each in other.cells:
        each.metadata["nbgrader"]["grade_id"] += "_of_another"
    nbformat.write(other, folder / "91_other.ipynb")
    return folder


@pytest.fixture(scope="session")
def submit(
    released: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Write a submission: all answers right, but for the ones given, then changed."""
    original = nbformat.read(released / "90_small.ipynb", as_version=4)

    def write(answers: dict[str, str] | None = None, change: Change | None = None):
        notebook = copy.deepcopy(original)
        for name, source in (RIGHT | (answers or {})).items():
            cell(notebook, name).source = source
        if change is not None:
            change(notebook)
        path = tmp_path_factory.mktemp("submission") / "mine.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return path

    return write
