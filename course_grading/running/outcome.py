"""What running a notebook shows, whatever ran it, and within which limits."""

from dataclasses import dataclass
from typing import Literal


class GraderError(RuntimeError):
    """The grader itself could not do its work; the submission is not to blame."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        cell: seconds for one cell.
        total: seconds for the whole file, with all its repetitions.
        call: seconds for one call of an answer (isolated grading only).
        task: seconds for a task: its cell and all calls of its check (isolated only).
        memory_mb: memory beyond what the warm process holds (isolated only).
        output_kb: text that a cell may print; the rest is cut off.
        file_mb: size of its own temporary folder (isolated only).
    """

    cell: float = 60.0
    total: float = 600.0
    call: float = 20.0
    task: float = 120.0
    memory_mb: int = 2048
    output_kb: int = 1024
    file_mb: int = 64


@dataclass(frozen=True)
class CellOutcome:
    """How one cell ended.

    Attributes:
        kind: "passed" or "failed"; "timeout", "memory", "output" or "died" where the
            cell that ran then broke that limit or ended its process; "not run" where
            the time for the file was over.
        error: the name of the exception, or "".
        message: the text of the exception, or why the cell was stopped.
        printed: the end of what the cell printed.
        seconds: how long it took.
    """

    kind: Literal["passed", "failed", "timeout", "memory", "output", "died", "not run"]
    error: str = ""
    message: str = ""
    printed: str = ""
    seconds: float = 0.0
