"""Running a notebook from top to bottom in a fresh kernel of this interpreter."""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import NotebookNode

from builder.course import BuildError

SECONDS = 1800  # a cell; a lesson takes minutes at most
ANSI = re.compile(r"\x1b\[[0-9;]*m")


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
    root: Path,
    folder: Path,
    *,
    on_cell: Callable[[], None] = lambda: None,
    timeout: int = SECONDS,
) -> None:
    """Fill in the outputs of a notebook, run in `folder` with the library in `root`.

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
            client.execute(env=environment(root, private), cleanup_kc=True)
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


def environment(root: Path, private: str) -> dict[str, str]:
    """The kernel's environment: this library, a set budget, nobody's start-up files."""
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "COURSE_BUDGET": "laptop",
        **os.environ,
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
