"""Running a notebook in a fresh kernel of this interpreter, and cleaning its outputs.

What is kept is what a reader can see, and nothing of this machine. What a cell writes
to stderr is mostly a warning, which a lesson has to mend rather than show; so it fails
the build, unless the cell is tagged `stderr`. A cell that raises fails it too, unless
tagged `raises-exception`.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from builder.course import BuildError, Course
from builder.notebook import code_cells, to_text

SECONDS = 1800  # a cell; a lesson takes minutes at most
ANSI = re.compile(r"\x1b\[[0-9;]*m")
WIDGET = "application/vnd.jupyter.widget-view+json"
LIMIT = 1_500_000  # bytes of a notebook
BASE64 = re.compile(r"(?<=base64,)[A-Za-z0-9+/=\s]+")
MACHINE = (
    (re.compile(r"~?(?:/[^\s'\":/]+)*/site-packages/"), ""),
    (re.compile(r"~?(?:/[^\s'\":/]+)*/lib(?:64)?/python3\.\d+/"), ""),
    (re.compile(r"(?:/[^\s'\":/]+)*/ipykernel_\d+/\d+\.py"), "<this cell>"),
)


class ThisInterpreter(KernelSpecManager):
    """Starts the interpreter that runs the builder, whatever kernels are installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one kernel there is."""
        return KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
            ],
            display_name=kernel_name,
            language="python",
        )


def execute(
    notebook: NotebookNode,
    name: str,
    course: Course,
    folder: Path,
    *,
    on_cell: Callable[[], None] = lambda: None,
    timeout: int = SECONDS,
) -> None:
    """Fill in the outputs of a notebook, run in `folder` with the library of `course`.

    COURSE_BUDGET is laptop unless it is set. Raises BuildError, naming the cell, where
    a cell raises without the tag `raises-exception`, hangs, or takes the kernel down.
    """
    running: list[NotebookNode] = []
    with tempfile.TemporaryDirectory(prefix="build-") as private:
        client = NotebookClient(
            notebook,
            km=kernel_manager(Path(private)),
            timeout=timeout,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            on_cell_execute=lambda cell, cell_index: running.append(cell),
            on_cell_executed=lambda **_: on_cell(),
        )
        try:
            client.execute(env=environment(course, private), cleanup_kc=True)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            number = len([each for each in running if each.cell_type == "code"])
            raise BuildError(
                f"{name}, code cell {number} {explain(error, timeout)}\n"
                f"    {first_line(running[-1].source)}\n{last_lines(error)}"
            ) from error


def kernel_manager(private: Path) -> AsyncKernelManager:
    """A manager whose connection lies in a folder of its own: no port, no clash."""
    transport = "tcp" if sys.platform == "win32" else "ipc"
    return AsyncKernelManager(
        kernel_spec_manager=ThisInterpreter(),
        transport=transport,
        connection_file=str(private / "kernel.json"),
    )


def environment(course: Course, private: str) -> dict[str, str]:
    """The kernel's environment: this library, a set budget, nobody's start-up files.

    Results of the last full build are used and added to, where there was one.
    """
    results = course.results
    kept = {"COURSE_CACHE": str(results)} if results.is_dir() else {}
    paths = [str(course.root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "COURSE_BUDGET": "laptop",
        **os.environ,
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "IPYTHONDIR": str(Path(private) / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def explain(error: Exception, timeout: int) -> str:
    """What happened, as the end of a sentence."""
    if isinstance(error, CellTimeoutError):
        return f"ran longer than {timeout} s; make it smaller"
    if isinstance(error, DeadKernelError):
        return "took the kernel down (too little memory?)"
    return "raised; mend it, or tag the cell raises-exception:"


def first_line(source: str) -> str:
    """The first line of a cell, so that it can be found."""
    return source.strip().partition("\n")[0]


def last_lines(error: Exception, count: int = 12) -> str:
    """The end of the error's text, without colours."""
    return "\n".join(ANSI.sub("", str(error)).strip().splitlines()[-count:])


def clean(notebook: NotebookNode, name: str, root: Path) -> None:
    """Clean all outputs in place; raise BuildError for what must not be kept."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        where = f"{name}, code cell {number}"
        tags = cell.metadata.get("tags", [])
        cell.outputs = merged(cleaned(each, root) for each in cell.outputs)
        for output in cell.outputs:
            if output.get("name") == "stderr" and "stderr" not in tags:
                raise BuildError(
                    f"{where} wrote to stderr; mend that, or tag the cell stderr:\n"
                    f"{output.text.strip()[-600:]}"
                )
            refuse_paths(output, where, root)


def cleaned(output: NotebookNode, root: Path) -> NotebookNode | None:
    """One output without widgets and machine paths; None if nothing is left to see."""
    if output.output_type == "stream":
        text = "\n".join(last_state(line) for line in output.text.split("\n"))
        output.text = without_paths(text, root) if output.name == "stderr" else text
        return output if output.text.strip() else None
    if output.output_type == "error":
        output.traceback = [without_paths(line, root) for line in output.traceback]
        return output
    if output.data.pop(WIDGET, None) is None:
        return output
    # A widget's own text, as "0%" of a bar or "IntSlider(value=3)", tells nobody much.
    return output if set(output.data) - {"text/plain"} else None


def last_state(line: str) -> str:
    """What a terminal shows of a line that carriage returns have overwritten."""
    return line.rstrip("\r").rpartition("\r")[2]


def without_paths(text: str, root: Path) -> str:
    """A traceback or warning with its files named without this machine's folders."""
    short = str(root).replace(str(Path.home()), "~", 1)  # as IPython prints it
    for folder in (str(root), short):
        text = text.replace(f"{folder}/", "")
    for pattern, name in MACHINE:
        text = pattern.sub(name, text)
    return text


def merged(outputs: Iterable[NotebookNode | None]) -> list[NotebookNode]:
    """The outputs that are left; streams cut up by the kernel are whole again."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output is None:
            continue
        if kept and output.get("name") and output.get("name") == kept[-1].get("name"):
            kept[-1].text += output.text  # two parts of one stream
        else:
            kept.append(output)
    return kept


def refuse_paths(output: NotebookNode, where: str, root: Path) -> None:
    """Refuse an output that holds the home folder or the repository's path."""
    for text in texts(output):
        for folder in {str(Path.home()), str(root)} - {"/"}:
            if re.search(re.escape(folder) + r"(?![\w.-])", BASE64.sub("", text)):
                raise BuildError(
                    f"{where} shows a folder of this machine ({folder}); print a path "
                    "relative to the course, or none"
                )


def texts(value: Any, kind: str = "") -> Iterable[str]:
    """All readable strings in an output; pictures in base64 are not read."""
    if isinstance(value, str):
        if not kind.startswith("image/") or kind == "image/svg+xml":
            yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, kind)


def refuse_size(notebook: NotebookNode, name: str, limit: int = LIMIT) -> None:
    """Refuse a notebook above the limit, naming its three largest outputs."""
    size = len(to_text(notebook).encode())
    if size <= limit:
        return
    sizes = [
        (
            len(str(output)),
            f"code cell {number}, {', '.join(output.get('data', ['text']))}",
        )
        for number, cell in enumerate(code_cells(notebook), start=1)
        for output in cell.outputs
    ]
    largest = [f"{what}: {bytes_ // 1000} kB" for bytes_, what in sorted(sizes)[:-4:-1]]
    raise BuildError(
        f"{name} has {size // 1000} kB, and the limit is {limit // 1000} kB; make its "
        f"largest outputs smaller ({'; '.join(largest)})"
    )
