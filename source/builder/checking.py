"""Checking: are the notebooks on disk what their sources say, and did they run?"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from builder.building import share_check_outputs
from builder.course import BuildError, Course
from builder.library import Library
from builder.lint import lint_result, lint_script
from builder.notebook import (
    carry_outputs,
    code_cells,
    read_notebook,
    same_code,
    to_text,
    was_executed,
)
from builder.outputs import refuse_size
from builder.targets import Product, Target, make_product

RUN = ("outputs", "execution_count")
CHECKPOINTS = ".ipynb_checkpoints"


def problems(course: Course, library: Library, paths: Iterable[Path]) -> Iterator[str]:
    """A sentence for each thing wrong with the notebooks of these scripts."""
    for path in paths:
        try:
            product = make_product(course, library, path)
            yield from lint_script(product.script)
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
    carry_outputs(old, target.notebook)
    share_check_outputs(product)
    for each in product.targets:
        yield from file_problems(each, product)
    if not was_executed(old):
        yield f"{target.name}: has cells that never ran; {remedy(product)}"
    elif is_silent(old):
        yield f"{target.name}: its outputs are missing; {remedy(product)} --force"
    elif not product.released:
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
