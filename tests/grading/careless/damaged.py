"""Files that broke off, were edited by hand, or changed their encoding."""

import json
from typing import Any

from .case import careless, cell, saved


@careless(last=0, says="whole cells were read")
def cut_off_in_the_last_task(notebook: Any) -> str:
    """The disk was full: the file ends in the middle of the last answer."""
    text = saved(notebook)
    return text[: text.index("def last") + 12]


@careless(add=0, sides=0, last=0, says="whole cells were read")
def cut_off_early(notebook: Any) -> str:
    """A download broke off after the first task."""
    text = saved(notebook)
    return text[: text.index("## add") + 2]


@careless(says="whole cells were read")
def the_last_bracket_missing(notebook: Any) -> str:
    """The last lines are not there."""
    return saved(notebook).rstrip()[:-1]


@careless(says="goes on behind its end")
def the_end_of_a_longer_file(notebook: Any) -> str:
    """A shorter version was saved over a longer one, whose end stayed."""
    text = saved(notebook)
    return text + text[-200:]


@careless()
def padded_with_zeros(notebook: Any) -> str:
    """After a crash the file is padded with zero bytes."""
    return saved(notebook) + "\0" * 4096


@careless(says="in spite of a fault")
def a_comma_too_many(notebook: Any) -> str:
    """A cell was deleted in a text editor, and the comma before it left."""
    text = saved(notebook).replace('\n ],\n "metadata": {}', ',\n ],\n "metadata": {}')
    assert ",\n ]" in text
    return text


@careless(says="in spite of a fault")
def a_comma_too_few(notebook: Any) -> str:
    """Two cells stand next to each other without a comma."""
    return saved(notebook).replace("  },\n  {", "  }\n  {", 1)


@careless(add=0, says="whole cells were read")
def a_quote_lost_in_one_cell(notebook: Any) -> str:
    """One cell is damaged in a text editor; the others are whole."""
    return saved(notebook).replace('return a + b"', "return a + b", 1)


@careless()
def raw_tabs_and_newlines(notebook: Any) -> str:
    """A script wrote line ends into the texts as they are."""
    return saved(notebook).replace("\\n", "\n")


@careless()
def with_a_byte_order_mark(notebook: Any) -> bytes:
    """Saved by an editor of Windows as UTF-8 with a mark."""
    return saved(notebook).encode("utf-8-sig")


@careless()
def in_utf_16(notebook: Any) -> bytes:
    """Saved by PowerShell."""
    return saved(notebook).encode("utf-16")


@careless(says="is not text in UTF-8")
def in_latin_1(notebook: Any) -> bytes:
    """Saved by an old editor, with a comment in German."""
    cell(notebook, "add")["source"] += "  # größer"
    return saved(notebook).encode("latin-1")


@careless(says="is not text in UTF-8")
def with_a_few_wrong_bytes(notebook: Any) -> bytes:
    """A byte of a comment was damaged."""
    cell(notebook, "add")["source"] += "  # größer"
    return saved(notebook).encode().replace("ß".encode(), b"\xff\x81")


@careless()
def half_an_emoji(notebook: Any) -> str:
    """A comment ends in half of an emoji, as editors that cut by length leave it."""
    cell(notebook, "add")["source"] += "  # \ud83d"
    return json.dumps(notebook)


@careless(says="breaks the rules of the notebook format")
def sources_and_metadata_of_wrong_types(notebook: Any) -> None:
    """A script wrote null, numbers and lists where they do not belong."""
    title, text = cell(notebook, "title"), cell(notebook, "text_add")
    title |= {"source": None, "metadata": []}
    text |= {"source": 7, "metadata": "none"}
    notebook["cells"].insert(3, None)
    notebook["metadata"] = None


@careless(says="breaks the rules of the notebook format")
def cells_without_a_kind(notebook: Any) -> None:
    """The kind of cells got lost."""
    for each in notebook["cells"][1:]:
        if each["cell_type"] == "code":
            del each["cell_type"]
    cell(notebook, "title")["cell_type"] = "heading"


@careless()
def cells_by_number(notebook: Any) -> str:
    """A converter wrote the cells as a dict."""
    cells = {str(number): each for number, each in enumerate(notebook["cells"])}
    return json.dumps(notebook | {"cells": cells})
