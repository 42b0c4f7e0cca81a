"""What a lesson owes its reader, as far as a program can tell.

Nothing important happens off the page; cells and lessons have a length that can be
read; guesses can be made; links lead somewhere; tables of different lessons agree.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup
from nbformat import NotebookNode

from builder.course import Course, Script, headings, read_script
from builder.library import Library
from builder.names import DEFINITION, Binding, bindings, parse
from builder.notebook import code_cells, read_notebook
from builder.page import FOOTER, anchor
from builder.show import bound_by, is_own, show_all

CELL_LINES, LESSON_WORDS, GUESSES = 40, 4000, 6
TAUGHT = ("ops", "models", "metrics", "training.train")
UNTAUGHT = ("models.peers",)
# Validators and small converters stand in shown sources as one call, and explain
# themselves by their names.
PLUMBING = ("check_", "as_")
MEASURED = "on the tabletop"  # in the caption of a table of results
UNKNOWN = "–"  # as in `course_utils.draw.systems`, which would load torch
LINK = re.compile(r"\]\(([^)\s]+)\)")


def lint_teaching(
    script: Script, notebook: NotebookNode, course: Course, library: Library
) -> Iterator[str]:
    """A sentence for each debt of a lesson that has fields at its top."""
    if script.front is None:
        return
    yield from unshown(script, course, library)
    yield from lengths(script, notebook)
    yield from guesses(script)
    yield from broken_links(script, notebook, course)


def unshown(script: Script, course: Course, library: Library) -> Iterator[str]:
    """Functions and classes that the lesson uses and no lesson so far has shown."""
    known: set[Binding] = set()
    for path in course.lessons():
        lesson = read_script(path, course.shown(path))
        used, shown = names_of(lesson, library)
        known |= shown
        if lesson.name == script.name:
            missing = {each for each in used - known if is_taught(each, library)}
            for each in sorted(missing, key=lambda b: (b.module, b.name)):
                yield (
                    f"{script.name}: uses {each.name} of {each.module}, which no "
                    "lesson up to it shows; show it, or leave it out"
                )
            return


@functools.cache  # every later lesson asks for it again
def names_of(script: Script, library: Library) -> tuple[set[Binding], set[Binding]]:
    """What a lesson imports from the library, and what it shows of it."""
    used: set[Binding] = set()
    shown: set[Binding] = set()
    for before, after in zip(
        script.cells, show_all(script, library).cells, strict=True
    ):
        if before.kind != "code":
            continue
        if "show" in before.tags:
            for node in parse(before.source).body:
                if is_own(node, library):
                    shown |= {library.canonical(b) for _, b in bound_by([node])}
        tree = parse(after.source)
        used |= {library.canonical(b) for _, b in bindings(tree) if b != DEFINITION}
    return {each for each in used if library.owns(each.module)}, shown


def is_taught(binding: Binding, library: Library) -> bool:
    """Whether a name of the library has to stand on a page before it is used."""
    module = binding.module.removeprefix(f"{library.package}.")
    if not begins(module, TAUGHT) or begins(module, UNTAUGHT):
        return False
    whole = ".".join(filter(None, (binding.module, binding.name)))
    if library.module(whole) is not None or binding.name.startswith(PLUMBING):
        return False  # a module itself, or plumbing
    return not library.find(binding.module, binding.name).is_constant


def begins(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of these or lies in one of them."""
    return any(f"{module}.".startswith(f"{each}.") for each in packages)


def lengths(script: Script, notebook: NotebookNode) -> Iterator[str]:
    """Cells longer than a screen, and a lesson longer than two hours."""
    words = 0
    for number, cell in enumerate(notebook.cells, start=1):
        lines = len(cell.source.splitlines())
        is_folded = cell.metadata.get("jupyter", {}).get("source_hidden")
        if cell.cell_type == "code" and lines > CELL_LINES and not is_folded:
            yield (
                f"{script.name}: notebook cell {number} "
                f"(`{cell.source.partition(chr(10))[0]}`) has {lines} lines; at most "
                f"{CELL_LINES}: part it, with prose between"
            )
        words += len(cell.source.split()) if cell.cell_type == "markdown" else 0
    if words > LESSON_WORDS:
        yield f"{script.name}: {words} words; at most {LESSON_WORDS}: make it two"


def guesses(script: Script) -> Iterator[str]:
    """A cell whose output is a guess's answer is followed by the answer, folded."""
    asked = [i for i, cell in enumerate(script.cells) if "predict" in cell.tags]
    if len(asked) > GUESSES:
        yield f"{script.name}: asks for {len(asked)} guesses; at most {GUESSES}"
    for i in asked:
        after = script.cells[i + 1 : i + 2]
        if not after or "<details" not in after[0].source:
            text = "tagged predict, but no folded answer (<details>) follows"
            yield str(script.error(script.cells[i], text))


def broken_links(
    script: Script, notebook: NotebookNode, course: Course
) -> Iterator[str]:
    """Links to files or headings that are not there."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for target in LINK.findall("\n".join(texts)):
        name, _, fragment = unquote(target).partition("#")
        if "://" in target:
            continue
        source = source_of(course, name) if name else script.path
        if source is None:
            if not (course.root / "notebooks" / name).is_file():
                yield f"{script.name}: a link to {target}, which is not there"
            continue
        lesson = read_script(source, course.shown(source))
        known = [FOOTER.removeprefix("## "), *(text for _, text in headings(lesson))]
        if fragment and fragment not in [unquote(anchor(text)) for text in known]:
            yield f"{script.name}: a link to {target}, but there is no such heading"


def source_of(course: Course, name: str) -> Path | None:
    """The script of a notebook that a lesson links to; None where there is none."""
    file = (course.root / "notebooks" / name).resolve()
    folder = "assignments" if file.parent.name == "assignments" else "lessons"
    source = course.root / "source" / folder / f"{file.stem}.py"
    return source if file.suffix == ".ipynb" and source.is_file() else None


def disagreements(course: Course) -> Iterator[str]:
    """Measured figures of one system that differ between the tables of two lessons."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for path in course.lessons():
        name = f"notebooks/{path.stem}.ipynb"
        notebook = read_notebook(course.root / name, name)
        for key, value in measured(notebook) if notebook else ():
            known, where = first.setdefault(key, (value, name))
            if value != known and UNKNOWN not in (value, known):
                system, head = key
                yield (
                    f"{name}: {head} of {system} is {value}, but {known} in {where}; "
                    "run: make rebuild"
                )


def measured(notebook: NotebookNode) -> Iterator[tuple[tuple[str, str], str]]:
    """Each figure of the tables of measurements: ((system, column), value)."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/html", "")
            found = BeautifulSoup(text if "<table" in text else "", "html.parser")
            for table in found.find_all("table"):
                caption = table.caption.get_text() if table.caption else ""
                if MEASURED not in caption.lower():
                    continue
                (_, *heads), *rows = (
                    [each.get_text() for each in line.find_all(["th", "td"])]
                    for line in table.find_all("tr")
                )
                for system, *values in rows:
                    for head, value in zip(heads, values, strict=True):
                        yield (system, head), value
