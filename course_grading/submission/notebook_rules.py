"""The cells in the JSON of a notebook, and whether they keep the format's rules."""

from typing import Any

from course_grading.submission.assignment import as_dict

NEWEST_MINOR = 5  # of format 4; what comes later is read by the same rules


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
    is_version = content.get("nbformat") == 4 and isinstance(minor, int)
    if is_version and keeps_rules(plain, min(max(minor, 0), NEWEST_MINOR)):
        return ""
    return (
        "The file breaks the rules of the notebook format, as a merge or an editor may "
        "leave it; it was read all the same. Opening and saving it in Jupyter mends it."
    )


def keeps_rules(cells: list[Any], minor: int) -> bool:
    """Whether cells are valid by nbformat's own schema.

    Its `validate` trips over hostile values while it words its error; the schema alone
    does not.
    """
    # Not sooner: nbformat takes a second to import.
    from nbformat import ValidationError
    from nbformat.validator import get_validator

    versions = {"nbformat": 4, "nbformat_minor": minor}
    schema = get_validator(4, minor, relax_add_props=True)  # type: ignore[no-untyped-call]
    try:
        schema.validate(versions | {"metadata": {}, "cells": cells})
    except ValidationError:
        return False
    return True
