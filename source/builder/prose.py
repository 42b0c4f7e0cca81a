"""Numbers in the prose of a lesson, compared with what its cells print.

Decimals, percentages and numbers of four digits and more are looked at, in Markdown and
in the alt texts and captions of figures. Each has to stand, as it is or rounded, in an
output or in the code of the same notebook. Figures of papers need no cell: a paragraph
that names its source is left alone, and so are formulas and code.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from bs4 import BeautifulSoup
from nbformat import NotebookNode

from builder.course import FENCED, Script
from builder.names import parse
from builder.notebook import code_cells, is_guess

NUMBER = re.compile(
    r"(?<![\w.,/-])(\d{1,3}(?:,\d{3})+|\d{4,}|\d+\.\d+|\d+(?:\.\d+)?(?=\s?%))(?![\w-]|\.\d)"
)
PRINTED = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d*\.?\d+(?:e[+-]?\d+)?")
SOURCE = re.compile(r"\bpapers?\b|et al\.|\bVOC\b|\bCOCO\b|ImageNet|\]\(http|\barXiv\b")
UNREAD = re.compile(r"\$\$.*?\$\$|\$[^$\n]*\$|`[^`]*`|\]\([^)]*\)", re.DOTALL)
PROSE_ARGUMENTS = ("alt", "caption")
YEARS = range(1950, 2100)


def unfounded(script: Script, notebook: NotebookNode) -> Iterator[str]:
    """A sentence for each number that nothing in the executed notebook bears out."""
    if script.front is None:
        return
    trees = [parse(cell.source) for cell in code_cells(notebook)]
    found = {value for tree in trees for value in numbers_in_code(tree)}
    for text in printed_texts(notebook):
        found |= {as_number(each) for each in PRINTED.findall(text)}
    for where, text in prose(notebook, trees):
        for each in NUMBER.findall(text):
            if not is_borne_out(each, found):
                yield (
                    f"{script.name}: {where} says {each}, which no output and no code "
                    "of the notebook shows; correct it, print it, or name its source"
                )


def prose(
    notebook: NotebookNode, trees: Iterable[ast.AST]
) -> Iterator[tuple[str, str]]:
    """Each paragraph that the check reads, and the place that a message names."""
    follows_guess = False
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            text = FENCED.sub("", cell.source)
            if follows_guess:  # the cell that bears the answer out keeps no output
                text = re.sub(r"<details.*?</details>", "", text, flags=re.DOTALL)
            for paragraph in re.split(r"\n\s*\n", text):
                if not SOURCE.search(paragraph):
                    yield f"notebook cell {number}", UNREAD.sub(" ", paragraph)
        follows_guess = cell.cell_type == "code" and is_guess(cell)
    for tree in trees:
        for _, text in prose_arguments(tree):
            yield f"the text `{text[:30]}...` of a figure", text


def prose_arguments(tree: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """The parts of alt texts and captions that are written out in code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in PROSE_ARGUMENTS:
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part, part.value


def numbers_in_code(tree: ast.AST) -> Iterator[float]:
    """Numbers of a cell's code, in its strings too, but for those of figures' texts."""
    told = {id(part) for part, _ in prose_arguments(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in told:
            continue
        if isinstance(node.value, str):
            yield from map(as_number, PRINTED.findall(node.value))
        elif isinstance(node.value, int | float):
            yield float(node.value)


def printed_texts(notebook: NotebookNode) -> Iterator[str]:
    """The texts of all outputs; of a figure only its table, as it has an alt text."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            html = data.get("text/html", "")
            if "<img" in html:
                continue
            yield output.get("text", "") or data.get("text/plain", "")
            yield BeautifulSoup(html, "html.parser").get_text(" ")


def is_borne_out(text: str, found: Iterable[float]) -> bool:
    """Whether a number stands among those found, as it is or rounded, or times 100."""
    value, places = as_number(text), len(text.partition(".")[2])
    if value in YEARS and "," not in text:
        return True
    return any(
        round(known * scale, places) == value for known in found for scale in (1, 100)
    )


def as_number(text: str) -> float:
    """The number that a text such as `1,024` or `0.5` stands for."""
    return float(text.replace(",", ""))
