"""Small checks of lessons and assignments that a reader would miss if they failed."""

import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from builder.notebook import code_cells
from builder.script import Cell, Script
from builder.sections import lint_sections

LINES, WORDS, QUESTIONS = 30, 250, 3
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6})\s+\S", re.MULTILINE)
FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)
PICTURE = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"'][^\"'])[^>]*>")
KNOWN = (
    "parameters, show, task, points:2, section:Heading, check, raises-exception, "
    "stderr, hide-input"
)
TAGS = re.compile(
    r"parameters|show|task|points:.*|section:.*|check|raises-exception|stderr|nbval-.*|"
    r"(hide|remove)-(input|output|cell)"
)
RESULT_KEYS = {"lesson", "budget", "seconds", "peak_memory_mb"}


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


def remark(script: Script, cell: Cell, text: str) -> str:
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
    if not re.match(rf"# \D*{re.escape(number)}\b", script.cells[0].source):
        yield remark(script, script.cells[0], f"the title lacks the number {number}")


def lint_markdown(script: Script, cell: Cell) -> Iterator[str]:
    """Pictures have alt text, and folds are closed."""
    text = FENCED.sub("", cell.source)
    if PICTURE.search(text):
        yield remark(script, cell, "a picture without alt text; say what it shows")
    if text.count("<details") != text.count("</details>"):
        yield remark(script, cell, "<details> and </details> do not come in pairs")


def lint_lesson(script: Script) -> Iterator[str]:
    """Cells are short, and the lesson ends with three folded answers."""
    for cell in script.cells:
        lines = len(cell.source.splitlines())
        if cell.kind == "code" and lines > LINES:
            yield remark(script, cell, f"{lines} lines of code; at most {LINES}")
        words = len(FOLDED.sub("", cell.source).split())
        if cell.kind == "markdown" and words > WORDS:
            yield remark(script, cell, f"{words} words at a stretch; at most {WORDS}")
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
