"""Reading a damaged notebook file: what is whole is taken, what is lost is said.

Everything here is text in, plain data out. Time and memory grow with the size of the
file and no faster, whatever it holds.
"""

import json
import re
from typing import Any

MAX_VALUES = 3_000_000  # more would take more memory than a notebook is worth
MAX_DIGITS = 1000  # an integer with more digits stands in no notebook
MAX_DAMAGED = 200  # places in a file, after which the rest is not looked at

CONFLICT_START = re.compile(r"^<{7}(?=\s|$)", re.MULTILINE)
CONFLICT_MARK = re.compile(r"([<|=>])\1{6}(?=\s|$)")
STRING = r'("[^"\\]*+(?:\\.[^"\\]*+)*+")'
COMMA_TOO_MANY = re.compile(STRING + r"|,(?=\s*[\]}])", re.DOTALL)
COMMA_TOO_FEW = re.compile(f"{STRING}|" + r"([\]}])", re.DOTALL)
VALUE_NEXT = re.compile(r'\s+["{\[]')
CELL_LIST = re.compile(r'"cells"\s*:\s*\[')
CELL_START = re.compile(
    r'\{\s*"(?:cell_type|metadata|id|execution_count|attachments|source|outputs)"\s*:'
)


class BrokenFileError(ValueError):
    """Nothing can be taken from a file; the text ends the sentence about it."""


def decode_text(data: bytes) -> tuple[str, str]:
    """The text of a file, and a note where its encoding is not one of Unicode's."""
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        try:
            return data.decode(encoding).strip("\0\ufeff \t\r\n"), ""
        except UnicodeDecodeError as error:
            text = data.decode("cp1252", errors="replace")
            return text, (
                f"The file is not text in UTF-8 (byte {error.start}), so some letters "
                "may be wrong; save it again in Jupyter."
            )
    return data.decode(encoding, errors="replace").strip("\0\ufeff \t\r\n"), ""


def read_json(text: str) -> tuple[Any, str]:
    """The content of a file, or as many cells of a notebook as are whole, and a note.

    Raises BrokenFileError where there is nothing to take.
    """
    try:
        content, end = decoder().raw_decode(text)
    except RecursionError:
        return whole_cells(text, "it is nested too deeply")
    except json.JSONDecodeError as error:
        where = f"its JSON breaks off or is wrong at line {error.lineno}"
    else:
        return content, after_the_end(text, end)
    try:
        content, end = decoder().raw_decode(with_commas(text))
    except (RecursionError, ValueError):
        return whole_cells(text, where)
    return content, f"The file was read in spite of a fault: {where}."


def after_the_end(text: str, end: int) -> str:
    """A note where a file goes on behind its last bracket."""
    if not text[end : end + 1000].strip():
        return ""
    return (
        "The file goes on behind its end, as when one version is saved over a longer "
        "one; what stands behind was left out."
    )


def decoder() -> json.JSONDecoder:
    """A reader that takes raw control characters, and no endless integer."""
    return json.JSONDecoder(strict=False, parse_int=short_integer)


def short_integer(digits: str) -> int:
    """The integer, or 0 where it has more digits than Python likes to read."""
    return int(digits) if len(digits) <= MAX_DIGITS else 0


def with_commas(text: str) -> str:
    """The JSON without commas before a closing bracket and with those between values.

    Texts in quotes stay as they are.
    """

    def add(found: re.Match[str]) -> str:
        missing = VALUE_NEXT.match(text, found.end())
        return found[0] + ("," if missing else "")

    text = COMMA_TOO_MANY.sub(lambda found: found[1] or "", text)
    return COMMA_TOO_FEW.sub(add, text)


def whole_cells(text: str, problem: str) -> tuple[dict[str, Any], str]:
    """The cells of a damaged notebook that can be read, one by one, and a note."""
    start = CELL_LIST.search(text)
    place = start.end() if start else 0
    cells: list[Any] = []
    damaged = 0
    while damaged < MAX_DAMAGED and (found := CELL_START.search(text, place)):
        try:
            cell, place = decoder().raw_decode(text, found.start())
        except json.JSONDecodeError as error:
            place = max(found.end(), error.pos)  # so that no text is read twice
            damaged += 1
        except RecursionError:
            place = found.end()
            damaged += 1
        else:
            if isinstance(cell, dict) and "cell_type" in cell:
                cells.append(cell)
    if not cells:
        raise BrokenFileError(f"is not a notebook, or only a part of one: {problem}")
    return {"cells": cells}, (
        f"The file is damaged: {problem}. Its {len(cells)} whole cells were read; save "
        "or download it again."
    )


def is_too_much(text: str) -> bool:
    """Whether JSON holds more values than may be read; counted without reading it."""
    return sum(text.count(mark) for mark in '[{,"') > MAX_VALUES


def two_sides(text: str) -> tuple[str, str] | None:
    """Both versions of a text with the conflict markers of a merge, or None.

    The common ancestor that some settings of git add is left out.
    """
    if not CONFLICT_START.search(text):
        return None
    first: list[str] = []
    second: list[str] = []
    state = ""
    for line in text.splitlines(keepends=True):
        mark = CONFLICT_MARK.match(line)
        if mark and (mark[1] == "<" or state):
            state = "" if mark[1] == ">" else mark[1]
            continue
        if state in ("", "<"):
            first.append(line)
        if state in ("", "="):
            second.append(line)
    return "".join(first), "".join(second)
