"""The cells in the JSON of a notebook, and whether they keep the format's rules."""

from typing import Any

from nbformat.validator import iter_validate

from course_utils.grading.assignment import as_dict


def list_cells(content: Any) -> list[Any] | None:
    """The cells of a notebook's JSON, or None where it has none."""
    content = as_dict(content)
    cells = content.get("cells")
    if isinstance(cells, dict):
        return list(cells.values())
    if isinstance(cells, list):
        return cells
    sheets = content.get("worksheets")  # until format 3
    if not isinstance(sheets, list):
        return None
    lists = [as_dict(sheet).get("cells") for sheet in sheets]
    return [cell for each in lists if isinstance(each, list) for cell in each]


def rule_breaks(content: dict[str, Any]) -> str:
    """A note where the cells break the rules of the notebook format, or ""."""
    if content.get("nbformat") in (2, 3):  # sheets, which nbformat itself converts
        return ""
    cells = [as_dict(cell) for cell in list_cells(content) or ()]
    plain = [
        {"id": "none", "metadata": {}, "outputs": [], "execution_count": None}
        | {key: cell[key] for key in ("id", "cell_type", "source") if key in cell}
        for cell in cells
    ]
    minor = content.get("nbformat_minor", 0)
    skeleton = {
        "nbformat": content.get("nbformat"),
        "nbformat_minor": minor,
        "metadata": {},
        "cells": plain,
    }
    is_version = content.get("nbformat") == 4 and isinstance(minor, int)
    validate: Any = iter_validate  # nbformat says nothing about its types
    if is_version and not any(validate(skeleton, relax_add_props=True)):
        return ""
    return (
        "The file breaks the rules of the notebook format, as a merge or an editor may "
        "leave it; it was read all the same. Opening and saving it in Jupyter mends it."
    )
