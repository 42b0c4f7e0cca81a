"""Cutting answers out of the cells of an assignment."""

import ast
import textwrap
from dataclasses import replace

from builder.course import BuildError
from builder.names import without_magics
from builder.script import Cell, Script

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError")
TELLING = 24  # characters from which a line gives an answer away


def cut(source: str) -> tuple[str, list[str]]:
    """A cell without its answers, and the lines that were cut.

    Raises BuildError for markers that do not come in pairs, hold nothing, or leave
    code that is not valid Python.
    """
    kept: list[str] = []
    answer: list[str] = []
    region: list[str] | None = None
    for line in source.splitlines():
        text = line.strip()
        if (text == BEGIN) != (region is None) and text in (BEGIN, END):
            raise BuildError(
                f"`{text}` without its partner; put each answer between both"
            )
        if text == BEGIN:
            region = []
            kept += [line.replace(BEGIN, stub) for stub in STUB]
        elif text == END:
            if not any(is_code(each) for each in region or ()):
                raise BuildError(f"nothing between `{BEGIN}` and `{END}`")
            answer += region or ()
            region = None
        else:
            (kept if region is None else region).append(line)
    if region is not None:
        raise BuildError(f"`{BEGIN}` without `{END}`")
    return checked("\n".join(kept)), answer


def is_code(line: str) -> bool:
    """Whether a line holds more than a comment."""
    return bool(line.strip()) and not line.strip().startswith("#")


def checked(source: str) -> str:
    """The same source, if it is valid Python."""
    try:
        ast.parse(without_magics(source))
    except SyntaxError as error:
        raise BuildError(
            f"cut, it is not valid Python ({error.msg}); put whole statements between "
            "the markers"
        ) from error
    return source


def cut_all(script: Script) -> Script:
    """The released form of an assignment; nothing of an answer is left in it."""
    cells: list[Cell] = []
    answers: list[str] = []
    for cell in script.cells:
        if "task" not in cell.tags:
            cells.append(cell)
            continue
        try:
            source, answer = cut(cell.source)
        except BuildError as error:
            raise script.error(cell, str(error)) from error
        answers += answer
        cells.append(replace(cell, source=source))
    refuse_leaks(replace(script, cells=tuple(cells)), answers)
    return replace(script, cells=tuple(cells))


def refuse_leaks(script: Script, answers: list[str]) -> None:
    """Refuse markers outside tasks, and cut lines that stand elsewhere in the code."""
    telling = {line.strip() for line in answers if is_code(line)}
    telling = {line for line in telling if len(line) >= TELLING}
    for cell in script.cells:
        lines = [line.strip() for line in cell.source.splitlines()]
        if BEGIN in lines or END in lines:
            raise script.error(cell, "solution markers outside a cell tagged task")
        left = [line for line in lines if cell.kind == "code" and line in telling]
        if left:
            short = textwrap.shorten(left[0], 60)
            raise script.error(
                cell,
                f"a line of an answer is left in the release: `{short}`; move it "
                "between the markers, or write one of the two differently",
            )
