"""A pytest plugin: nbval's result of each cell, by `grade_id`, as lines of JSON.

nbval numbers cells, and differently from release to release, so nothing here counts
them. A line is written when a cell begins and when it ends: the process that reads them
knows which cell runs, and can end it.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

EVENTS_VARIABLE = "COURSE_GRADING_EVENTS"
# IPython's own `exit` ends the kernel a little later, when another cell runs.
PRELUDE = "import sys; exit = quit = sys.exit; del sys"
KEPT = 4000  # characters of an output or error
OUTPUT_SECONDS = 60.0


def write_event(**event: Any) -> None:
    """Append one event to the file that the grader reads."""
    with Path(os.environ[EVENTS_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Let no tag and no comment skip a cell or excuse its error."""
    for item in items:
        item.options.update(skip=False, check=False, check_exception=False)
        item.output_timeout = OUTPUT_SECONDS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, Any, Any]:
    """Tell when a cell begins and how it ended."""
    prepare_kernel(item.parent)
    cell = item.cell.metadata["nbgrader"]["grade_id"]
    write_event(event="start", cell=cell)
    problem = {"error": "", "message": ""}
    try:
        return (yield)
    except BaseException as error:
        problem = {"error": type(error).__name__, "message": str(error)}
        raise
    finally:
        write_event(
            event="end",
            cell=cell,
            **(problem | describe_outputs(item.test_outputs or [])),
        )


def prepare_kernel(notebook: Any) -> None:
    """Once a kernel: tell its process id, and keep `exit` from ending it."""
    if getattr(notebook, "is_prepared", False):
        return
    notebook.is_prepared = True
    write_event(event="kernel", pid=notebook.kernel.km.provisioner.pid)
    message = notebook.kernel.kc.execute(PRELUDE, silent=True)
    notebook.kernel.await_reply(message, timeout=OUTPUT_SECONDS)


def describe_outputs(outputs: list[Any]) -> dict[str, str]:
    """The end of what a cell printed, and the error that it raised, if any."""
    printed = [o.text for o in outputs if o.output_type == "stream"]
    about = {"printed": "".join(printed)[-KEPT:]}
    for output in outputs:
        if output.output_type == "error":
            about |= {"error": output.ename, "message": output.evalue[:KEPT]}
    return about
