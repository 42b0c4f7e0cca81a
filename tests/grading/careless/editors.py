"""Round trips through other programs, and other versions of the format."""

import json
from typing import Any

from small_assignment import RIGHT

from .case import careless, cell, code, saved


def as_lines(notebook: Any) -> None:
    """Write sources as lists of lines, as most programs do."""
    for each in notebook["cells"]:
        each["source"] = each["source"].splitlines(keepends=True)


@careless()
def saved_by_colab(notebook: Any) -> str:
    """Colab moves ids into metadata, adds its own, and writes format 4.0."""
    for number, each in enumerate(notebook["cells"]):
        each["metadata"] |= {"id": f"aB3{number}", "outputId": "7f-1"}
        each.pop("id", None)
    as_lines(notebook)
    colab = {"provenance": [], "toc_visible": True}
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook["metadata"] = {"colab": colab, "kernelspec": kernel, "accelerator": "GPU"}
    return json.dumps(notebook | {"nbformat_minor": 0}, ensure_ascii=False)


@careless()
def copied_cell_by_cell_into_colab(notebook: Any) -> None:
    """Cells pasted into a new Colab notebook; forms and installs were added."""
    for each in notebook["cells"]:
        each["metadata"] = {"id": "x", "cellView": "form"}
    notebook["cells"].insert(0, code("#@title Setup\n!echo pip install torch"))
    notebook["nbformat_minor"] = 0


@careless()
def saved_by_kaggle(notebook: Any) -> str:
    """Kaggle puts metadata first, adds its welcome cell, and drops the cells' own."""
    welcome = (
        "# This Python 3 environment comes with many helpful analytics libraries\n"
        "import os\nfor folder, _, names in os.walk('/kaggle/input'):\n"
        "    for name in names:\n        print(os.path.join(folder, name))"
    )
    notebook["cells"].insert(0, code(welcome))
    cells = [
        {"metadata": {"trusted": True, "_uuid": "8f2839f25d08"}}
        | {key: value for key, value in each.items() if key not in ("metadata", "id")}
        for each in notebook["cells"]
    ]
    head = {"metadata": {"kernelspec": {"name": "python3"}, "kaggle": {}}}
    return json.dumps(head | {"nbformat_minor": 4, "nbformat": 4, "cells": cells})


@careless()
def saved_by_vs_code(notebook: Any) -> None:
    """VS Code adds the language of each cell and no ids."""
    for each in notebook["cells"]:
        each.pop("id", None)
        each["metadata"]["vscode"] = {"languageId": "python"}
    as_lines(notebook)
    notebook["nbformat_minor"] = 2


@careless()
def collected_by_nbgrader(notebook: Any) -> None:
    """nbgrader added its checksums and ran it: outputs and counts are there."""
    for number, each in enumerate(notebook["cells"]):
        each["metadata"]["nbgrader"]["checksum"] = f"{number:032x}"
        if each["cell_type"] == "code":
            each["execution_count"] = number
            text = {"output_type": "stream", "name": "stdout", "text": "ok\n"}
            each["outputs"] = [text]


@careless()
def with_the_first_schema_of_nbgrader(notebook: Any) -> None:
    """Old marks: another schema, `points` as text, no kinds of tasks."""
    for each in notebook["cells"]:
        marks = each["metadata"]["nbgrader"]
        marks |= {"schema_version": 1, "points": "1.0", "cell_type": "code"}
        del marks["task"]


@careless()
def in_format_3(notebook: Any) -> None:
    """Saved by IPython 2: sheets, and code called input."""
    cells = notebook.pop("cells")
    for each in cells:
        if each["cell_type"] == "code":
            each |= {"input": each.pop("source"), "language": "python"}
    cells.insert(0, {"cell_type": "heading", "level": 1, "source": ["A title"]})
    notebook |= {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}


@careless()
def in_format_2(notebook: Any) -> None:
    """Older still: without metadata, on two sheets."""
    cells = notebook.pop("cells")
    for each in cells:
        each.pop("metadata")
        if each["cell_type"] == "code":
            each |= {"input": each.pop("source"), "language": "python"}
    sheets = [{"cells": cells[:5]}, {"cells": cells[5:]}]
    notebook |= {"nbformat": 2, "worksheets": sheets}


@careless(says="breaks the rules of the notebook format")
def in_a_format_to_come(notebook: Any) -> None:
    """Saved by a program that is newer than the grader."""
    notebook |= {"nbformat": 5, "nbformat_minor": 1}


@careless()
def with_the_same_cell_id_twice(notebook: Any) -> None:
    """All cells have one id, as a bad merge leaves them."""
    for each in notebook["cells"]:
        each["id"] = "same"
    notebook["nbformat_minor"] = 5


@careless()
def without_cell_ids(notebook: Any) -> None:
    """Format 4.5 asks for ids, and none are there."""
    for each in notebook["cells"]:
        each.pop("id", None)
    notebook["nbformat_minor"] = 5


@careless()
def for_an_unknown_kernel(notebook: Any) -> None:
    """Saved on a computer whose kernel has another name and language."""
    kernel = {"name": "my-gpu-box", "display_name": "R", "language": "R"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "R"}}


@careless()
def with_large_pictures(notebook: Any) -> None:
    """Pictures in outputs and in texts, some megabytes of them."""
    picture = {"output_type": "display_data", "metadata": {}}
    picture["data"] = {"image/png": "iVBORw0KGgo" * 100_000}
    cell(notebook, "add")["outputs"] = [picture]
    cell(notebook, "title")["source"] = "![me](data:image/png;base64," + "A" * 10**6


@careless()
def with_widgets_and_debris(notebook: Any) -> str:
    """State of widgets, a minified file, numbers that JSON does not have."""
    widget = {"application/vnd.jupyter.widget-state+json": {"state": {"a": 1e400}}}
    notebook["metadata"] = {"widgets": widget, "toc": {"a": float("nan")}}
    return json.dumps(notebook, separators=(",", ":"))


@careless()
def written_by_a_script(notebook: Any) -> str:
    """Made by a script, in the smallest form that Jupyter opens."""
    cells = [code(source) for source in RIGHT.values()]
    smallest = {"nbformat": 4, "nbformat_minor": 0, "metadata": {}, "cells": cells}
    return saved(smallest)
