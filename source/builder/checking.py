"""Checking: are the notebooks what their sources say, and did they run?

Beside that stand small checks of the scripts that a reader would miss if they failed.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from builder.assignment import lint_sections
from builder.building import share_check_outputs
from builder.course import FENCED, HEADING, BuildError, Course, Script, ScriptCell
from builder.execute import refuse_size
from builder.library import Library
from builder.notebook import (
    carry_outputs,
    code_cells,
    read_notebook,
    same_checks,
    same_code,
    to_text,
    was_executed,
)
from builder.prose import unfounded
from builder.targets import Product, Target, make_product
from builder.teaching import CELL_LINES, lint_teaching

RUN = ("outputs", "execution_count")
CHECKPOINTS = ".ipynb_checkpoints"
WORDS, QUESTIONS = 250, 3
UNRENDERED = re.compile(r"</summary>(?!\n\n)")
FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)
TABLE = re.compile(r"^\|.*$", re.MULTILINE)
PICTURE = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"'][^\"'])[^>]*>")
KNOWN = (
    "parameters, show, predict, task, points:2, section:Heading, check, "
    "raises-exception, stderr, hide-input"
)
TAGS = re.compile(
    r"parameters|show|predict|task|points:.*|section:.*|check|raises-exception|stderr|nbval-.*|"
    r"(hide|remove)-(input|output|cell)"
)
RESULT_KEYS = {"lesson", "budget", "seconds", "peak_memory_mb"}


def problems(course: Course, library: Library, paths: Iterable[Path]) -> Iterator[str]:
    """A sentence for each thing wrong with the notebooks of these scripts."""
    for path in paths:
        try:
            product = make_product(course, library, path)
            yield from lint_script(product.script)
            notebook = product.executed.notebook
            yield from lint_teaching(product.script, notebook, course, library)
            yield from drift(product)
        except BuildError as error:
            yield str(error)


def drift(product: Product) -> Iterator[str]:
    """What differs between the files of one script and what would be built."""
    target = product.executed
    old = read_notebook(target.path, target.name)
    if old is None:
        yield f"{target.name}: not built yet; {remedy(product)}"
        return
    if not same_code(old, target.notebook):
        yield f"{first_difference(old, target, skip=RUN)}; {remedy(product)}"
        return
    if not same_checks(old, target.notebook):
        yield f"{target.name}: its checks have changed since it ran; {remedy(product)}"
        return
    carry_outputs(old, target.notebook)
    share_check_outputs(product)
    for each in product.targets:
        yield from file_problems(each, product)
    if not was_executed(old):
        yield f"{target.name}: has cells that never ran; {remedy(product)}"
    elif is_silent(old):
        yield f"{target.name}: its outputs are missing; {remedy(product)} --force"
    elif not (product.released or product.script.is_appendix):
        yield from unfounded(product.script, old)
        yield from lint_result(old, target.name, product.script.stem)


def is_silent(notebook: NotebookNode) -> bool:
    """Whether an output that has to be there is missing: any at all, or a check's."""
    cells = code_cells(notebook)
    checks = [cell for cell in cells if "check" in cell.metadata.get("tags", [])]
    return not (any(c.outputs for c in cells) and all(c.outputs for c in checks))


def file_problems(target: Target, product: Product) -> Iterator[str]:
    """What is wrong with one file, given the outputs that it should hold."""
    old = read_notebook(target.path, target.name)
    if old is None:
        yield f"{target.name}: not built yet; {remedy(product)}"
    elif target.path.read_text(encoding="utf-8") != to_text(target.notebook):
        yield f"{first_difference(old, target)}; {remedy(product)}"
    else:
        refuse_size(target.notebook, target.name)


def remedy(product: Product) -> str:
    """What to do about a notebook that is not as its source says."""
    return f"run: python source/build.py {product.script.stem}"


def first_difference(
    old: NotebookNode, target: Target, *, skip: Collection[str] = ()
) -> str:
    """The first cell in which a file differs from its source, and in what.

    What is in `skip` is no difference: before code cells agree, outputs cannot.
    """
    new = target.notebook
    for number, (a, b) in enumerate(zip(old.cells, new.cells, strict=False), start=1):
        keys = [
            key for key in sorted({*a, *b}.difference(skip)) if a.get(key) != b.get(key)
        ]
        if keys:
            begin = b.source.strip().partition("\n")[0]
            return (
                f"{target.name}: cell {number} (`{begin}`) differs from its source "
                f"in {', '.join(keys)}"
            )
    if len(old.cells) != len(new.cells):
        return f"{target.name}: has {len(old.cells)} cells, its source {len(new.cells)}"
    return f"{target.name}: its metadata or layout was changed by another program"


def orphans(course: Course) -> Iterator[str]:
    """A sentence for each notebook in the built folders that no source makes."""
    lessons = {path.stem for path in course.lessons()}
    assignments = {path.stem for path in course.assignments()}
    folders = {
        course.root / "notebooks": lessons,
        course.root / "assignments": assignments,
        course.root / "solutions": assignments,
        course.released: assignments,
    }
    for folder, stems in folders.items():
        for path in sorted(folder.rglob("*.ipynb")):
            is_known = path.parent == folder and path.stem in stems
            if not is_known and CHECKPOINTS not in path.parts:
                yield f"{course.shown(path)}: no source makes it; delete or move it"


def lint_script(script: Script) -> Iterator[str]:
    """A sentence for each remark on a script's cells."""
    yield from lint_headings(script)
    for cell in script.cells:
        if cell.kind == "markdown":
            yield from lint_markdown(script, cell)
        for tag in cell.tags:
            if not TAGS.fullmatch(tag):
                yield remark(script, cell, f"unknown tag {tag!r}; known: {KNOWN}")
    if script.path.parent.name == "lessons":
        yield from lint_lesson(script)
    else:
        yield from lint_tasks(script)
        yield from lint_sections(script)


def remark(script: Script, cell: ScriptCell, text: str) -> str:
    """A remark that names file and cell."""
    return str(script.error(cell, text))


def lint_headings(script: Script) -> Iterator[str]:
    """One title, with the file's number; no level left out."""
    level = 0
    for cell in script.cells:
        text = FENCED.sub("", cell.source) if cell.kind == "markdown" else ""
        for match in HEADING.finditer(text):
            depth = len(match[1])
            if depth == 1 and level:
                yield remark(script, cell, "a second `# ` title; use `## `")
            elif depth > level + 1:
                yield remark(script, cell, f"heading {match[1]} skips a level")
            level = depth
    number = script.stem.partition("_")[0]
    if not script.is_appendix and not re.match(
        rf"# \D*{re.escape(number)}\b", script.cells[0].source
    ):
        yield remark(script, script.cells[0], f"the title lacks the number {number}")


def lint_markdown(script: Script, cell: ScriptCell) -> Iterator[str]:
    """Pictures have alt text, and folds are closed."""
    text = FENCED.sub("", cell.source)
    if PICTURE.search(text):
        yield remark(script, cell, "a picture without alt text; say what it shows")
    if text.count("<details") != text.count("</details>"):
        yield remark(script, cell, "<details> and </details> do not come in pairs")
    if UNRENDERED.search(text):
        yield remark(script, cell, "no empty line after </summary>: Markdown needs it")


def lint_lesson(script: Script) -> Iterator[str]:
    """Cells are short, and all but an appendix end with three folded answers."""
    for cell in script.cells:
        lines = len(cell.source.splitlines())
        is_open = cell.kind == "code" and "hide-input" not in cell.tags
        if is_open and lines > CELL_LINES:
            yield remark(script, cell, f"{lines} lines of code; at most {CELL_LINES}")
        words = len(TABLE.sub("", FOLDED.sub("", cell.source)).split())
        if cell.kind == "markdown" and words > WORDS:
            yield remark(script, cell, f"{words} words at a stretch; at most {WORDS}")
    if script.is_appendix:
        return
    prose = "\n".join(c.source for c in script.cells if c.kind == "markdown")
    last = re.split(r"^#{1,2}\s", FENCED.sub("", prose), flags=re.MULTILINE)[-1]
    count = len(FOLDED.findall(last))
    if count != QUESTIONS:
        yield (
            f"{script.name}: its last section has {count} folded answers (<details>); "
            f"a lesson ends with {QUESTIONS} questions"
        )


def lint_tasks(script: Script) -> Iterator[str]:
    """The text above each task states its points and offers a folded hint."""
    above = ""
    for cell in script.cells:
        if cell.kind == "markdown":
            above += cell.source
            continue
        points = [
            tag.partition(":")[2] for tag in cell.tags if tag.startswith("points:")
        ]
        if "task" in cell.tags and "<details" not in above:
            yield remark(script, cell, "no folded hint (<details>) above this task")
        if points and not re.search(rf"\b{re.escape(points[0])} points?\b", above):
            yield remark(
                script, cell, f"the text above does not say {points[0]} points"
            )
        above = ""


def lint_result(notebook: NotebookNode, name: str, lesson: str) -> Iterator[str]:
    """The last code cell of a lesson prints its RESULT line, of a run at laptop."""
    outputs = code_cells(notebook)[-1].outputs
    text = "".join(each.text for each in outputs if each.get("name") == "stdout")
    lines = [each for each in text.splitlines() if each.startswith("RESULT ")]
    try:
        result = json.loads(lines[-1].removeprefix("RESULT ")) if lines else {}
    except json.JSONDecodeError:
        result = {}
    missing = RESULT_KEYS - set(result)
    if missing:
        yield (
            f"{name}: its last code cell prints no `RESULT {{json}}` with "
            f"{', '.join(sorted(missing))}"
        )
    elif (result["lesson"], result["budget"]) != (lesson, "laptop"):
        yield (
            f"{name}: its RESULT is of {result['lesson']} at {result['budget']}, not "
            f"of {lesson} at laptop; mend the name, or build with --force"
        )
