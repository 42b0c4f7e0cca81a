"""Running a learner's cells as a notebook does, with what they print captured."""

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from IPython.core.compilerop import CachingCompiler, code_name
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

from course_grading.isolation import placeholders
from course_utils.checking.forbidden import switched_off

KEPT = 4000  # letters of an output or a message
NO_COMMANDS = "The grader runs no commands of the operating system."
COMMAND_CELLS = (
    *("bash", "sh", "script", "system", "!", "sx", "perl", "ruby", "cmd"),
    *("python", "python2", "python3", "pypy"),
)


class Cells(CachingCompiler):
    """Compiles cells under short names, by which an error names its line."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name of a cell's code: the same text has the same name."""
        return f"cell-{code_name(transformed_code)[-13:-1]}.py"


class Shell(InteractiveShell):
    """IPython without history, colours, tracebacks and commands."""

    compiler_class = Cells

    def showtraceback(self, *arguments: Any, **settings: Any) -> None:
        """Show nothing: the error itself goes to the grader."""

    def showsyntaxerror(self, *arguments: Any, **settings: Any) -> None:
        """Show nothing, likewise."""

    def showindentationerror(self) -> None:
        """Show nothing, likewise."""

    def system(self, cmd: Any) -> None:
        """Run nothing, for `!command`."""
        print(NO_COMMANDS)  # noqa: T201

    def getoutput(self, cmd: Any, split: Any = True, depth: Any = 0) -> Any:
        """Run nothing, for `files = !command`."""
        print(NO_COMMANDS)  # noqa: T201
        return SList([])

    def enable_gui(self, gui: Any = None) -> None:
        """Open no window."""


def set_up_shell() -> None:
    """Get ready, once, in the process that is forked for each submission.

    No check, solution or seed may be in memory, and none is afterwards.
    """
    placeholders.install()
    shell = make_shell()
    with switched_off(()):  # loads the course, and remembers what to switch off
        pass
    shell.run_cell("%time None", silent=True)
    shell.reset(new_session=False)


def make_shell() -> Any:
    """The one shell of this process."""
    if not InteractiveShell.initialized():
        settings = Config()
        settings.HistoryManager.enabled = False
        settings.HistoryAccessor.enabled = False
        settings.InteractiveShell.colors = "nocolor"
        settings.InteractiveShell.show_rewritten_input = False
        shell: Any = Shell.instance(config=settings)
        forbid_commands(shell)
    return InteractiveShell.instance()


def forbid_commands(shell: Any) -> None:
    """Let `%%bash` and its like run nothing."""
    for name in COMMAND_CELLS:
        shell.register_magic_function(no_command, "cell", name)
    for name in ("sx", "system"):
        shell.register_magic_function(no_command, "line", name)


def no_command(line: str, cell: str = "") -> None:
    """Run nothing, for `%%bash` and its like."""
    print(NO_COMMANDS)  # noqa: T201


class Captured(io.TextIOBase):
    """Takes what is printed, keeps its end, and says when it is too much."""

    encoding: ClassVar[str] = "utf-8"  # type: ignore[misc]
    errors: ClassVar[str] = "replace"  # type: ignore[misc]

    def __init__(self, most: float, overflow: Callable[[], None]) -> None:
        """Call `overflow` once more than `most` letters have come since `take`."""
        self.most = most
        self.overflow = overflow
        self.end = ""
        self.count = 0

    def write(self, text: str) -> int:
        """Take text."""
        if not isinstance(text, str):
            raise TypeError(f"write() needs text, not {type(text).__name__}")
        self.count += len(text)
        self.end = (self.end + text[-KEPT:])[-KEPT:]
        if self.count > self.most:
            self.overflow()
        return len(text)

    def fileno(self) -> int:
        """The standard output, which leads nowhere: some libraries ask for it."""
        return 1

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def take(self) -> str:
        """The end of what was printed since the last time."""
        text, self.end, self.count = self.end, "", 0
        return text


def run_cell(source: str) -> BaseException | None:
    """Run a cell in the one shell; what it raised, or None."""
    shell: Any = make_shell()
    shell.user_ns.update(exit=sys.exit, quit=sys.exit)
    result = shell.run_cell(source)
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error


def describe_error(error: BaseException) -> dict[str, Any]:
    """An exception as text, and the built-in exceptions it is one of."""
    message = ""
    with suppress(Exception):  # a learner's own __str__ may raise anything
        message = str(error)
    kinds = [k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"]
    return {
        "error": type(error).__name__[:KEPT],
        "message": message[:KEPT],
        "kinds": kinds,
    }


def is_memory(error: BaseException | None) -> bool:
    """Whether an exception, or the one behind it, says that memory is used up."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
            return True
        error = error.__cause__
    return False
