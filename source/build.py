"""Build notebooks/, assignments/ and solutions/ from the scripts in this folder.

python source/build.py                      what is stale
python source/build.py 01_sliding_windows   that lesson and that assignment
python source/build.py --force              everything anew, with results of its own
python source/build.py --check              nothing is run or written; CI calls it
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from builder.building import Built, build
from builder.checking import orphans, problems
from builder.course import BuildError, Course, read_course, select
from builder.library import Library
from builder.teaching import disagreements

ROOT = Path(__file__).resolve().parents[1]


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources by name; all if none is given.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; run and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Execute even where no code has changed.")
    ] = False,
    root: Annotated[Path, typer.Option(help="The folder of the course.")] = ROOT,
) -> None:
    """Build the course's notebooks from their scripts, or check that they are built."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        course = read_course(root)
        library = Library(course.root, course.package)
        paths = select(course, names or [])
        if check:
            good = check_all(course, library, paths, console, whole=not names)
        else:
            if force and not names:
                forget_results(course)
            good = build_all(course, library, paths, console, force=force)
    except BuildError as error:
        console.print(str(error))
        good = False
    raise typer.Exit(0 if good else 1)


def check_all(
    course: Course,
    library: Library,
    paths: list[Path],
    console: Console,
    *,
    whole: bool,
) -> bool:
    """Print every problem; whether there is none."""
    begin = time.monotonic()
    found = list(problems(course, library, paths))
    found += [*orphans(course), *disagreements(course)] if whole else ()
    for problem in found:
        console.print(problem)
    count = f"{len(paths)} source{'s' * (len(paths) != 1)}"
    verdict = f"{len(found)} to mend" if found else "all built"
    console.print(f"{count}: {verdict} ({time.monotonic() - begin:.1f} s)")
    return not found


def build_all(
    course: Course,
    library: Library,
    paths: list[Path],
    console: Console,
    *,
    force: bool,
) -> bool:
    """Build one script after the other; a broken one does not stop the rest."""
    good = True
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for path in paths:
            try:
                started = bar(progress)
                built = build(course, library, path, force=force, started=started)
                console.print(describe(built))
            except BuildError as error:
                console.print(str(error))
                good = False
    for orphan in orphans(course):
        console.print(orphan)
    return good


def forget_results(course: Course) -> None:
    """Empty the folder of results: lessons fill it in order, so that tables agree."""
    shutil.rmtree(course.results, ignore_errors=True)
    course.results.mkdir()


def bar(progress: Progress) -> Callable[[str, int], Callable[[], None]]:
    """What starts a progress bar for a notebook, and returns what advances it."""

    def started(name: str, cells: int) -> Callable[[], None]:
        task = progress.add_task(name, total=cells)
        return lambda: progress.advance(task)

    return started


def describe(built: Built) -> str:
    """One line on what was done for a script."""
    ran = (
        "outputs kept"
        if built.seconds is None
        else f"executed in {built.seconds:.1f} s"
    )
    wrote = ", ".join(built.written) or "nothing changed"
    return f"{built.name}: {ran}; {wrote}"


if __name__ == "__main__":
    typer.run(main)
