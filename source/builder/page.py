"""What stands above and below a lesson, made from the fields at the top of its script.

The fields are YAML between two lines `# ---`:

    question: how can a network that classifies a picture say where its objects are?
    build: [count the boxes of an image, train a window classifier]   # 3 to 5 verbs
    needs: [00_start_here]          # lessons; [] for none
    minutes: {read: 90, run: 4}     # on two cores at laptop
    papers:
      - "[Rapid object detection](https://...): the first detector in real time"
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import quote

from builder.course import (
    BuildError,
    Course,
    Script,
    ScriptCell,
    headings,
    is_appendix,
    read_script,
)

FOOTER = "## Papers and code"


@dataclass(frozen=True)
class Fields:
    """The fields of a lesson, as above."""

    question: str
    build: tuple[str, ...]
    needs: tuple[str, ...]
    minutes: dict[str, int]
    papers: tuple[str, ...]


def read_fields(script: Script) -> Fields | None:
    """The fields of a lesson, or None where its script has none.

    Raises BuildError for a field that is missing, unknown, or of another kind.
    """
    given: Any = script.front
    if given is None:
        return None
    names = [field.name for field in fields(Fields)]
    if not isinstance(given, dict) or set(given) != set(names):
        raise BuildError(f"{script.name}: its fields have to be {', '.join(names)}")
    for name in ("build", "needs", "papers"):
        if not isinstance(given[name], list):
            raise BuildError(f"{script.name}: {name} has to be a list")
        given = given | {name: tuple(map(str, given[name]))}
    if not 3 <= len(given["build"]) <= 5:
        raise BuildError(f"{script.name}: build has to name 3 to 5 things to do")
    minutes = given["minutes"]
    if not isinstance(minutes, dict) or set(minutes) != {"read", "run"}:
        raise BuildError(f"{script.name}: minutes has to be {{read: ..., run: ...}}")
    return Fields(**given)


def paged(script: Script, course: Course) -> Script:
    """The lesson with its header in the title cell, and its footer at the end."""
    given = read_fields(script)
    if given is None:
        return script
    title, *rest = script.cells
    name, _, prose = title.source.partition("\n")
    parts = [
        name,
        f"**{given.question[:1].upper()}{given.question[1:]}**",
        header(script, given, course),
        prose,
    ]
    text = "\n\n".join(part for each in parts if (part := each.strip("\n")))
    number = max(cell.number for cell in script.cells) + 1
    last = ScriptCell("markdown", footer(script, given, course), number=number)
    return replace(script, cells=(replace(title, source=text), *rest, last))


def header(script: Script, given: Fields, course: Course) -> str:
    """What the reader will build, needs and spends, and the contents."""
    needs = [link(course, name, script) for name in given.needs]
    minutes = given.minutes
    lines = [
        ("You will build", "; ".join(given.build)),
        ("You need", ", ".join(needs) or "Python and a little PyTorch"),
        ("Time", f"{minutes['read']} minutes to read, {minutes['run']} to run"),
        ("Around it", " · ".join(around(script, course))),
    ]
    table = "\n".join(f"| {head} | {text} |" for head, text in lines)
    contents = " · ".join(
        f"[{text}](#{anchor(text)})" for level, text in headings(script) if level == 2
    )
    return f"| | |\n|---|---|\n{table}\n\n**Contents.** {contents}"


def around(script: Script, course: Course) -> Iterator[str]:
    """Links to the lesson before, to the one after, and to the assignment."""
    stems = [path.stem for path in course.lessons() if not is_appendix(path)]
    place = stems.index(script.stem)
    if place:
        yield f"before: {link(course, stems[place - 1], script)}"
    if place + 1 < len(stems):
        yield f"after: {link(course, stems[place + 1], script)}"
    if script.stem in {path.stem for path in course.assignments()}:
        yield f"[the assignment](../assignments/{script.stem}.ipynb)"


def footer(script: Script, given: Fields, course: Course) -> str:
    """Papers and code, and where to go from here."""
    papers = "\n".join(f"- {paper}" for paper in given.papers)
    onward = " · ".join(around(script, course))
    return f"{FOOTER}\n\n{papers}\n\n**From here** {onward}"


def link(course: Course, stem: str, reader: Script) -> str:
    """A link to a lesson by its title."""
    path = course.root / "source" / "lessons" / f"{stem}.py"
    if not path.is_file():
        raise BuildError(f"{reader.name}: there is no lesson {stem}")
    title = read_script(path, course.shown(path)).cells[0].source.partition("\n")[0]
    return f"[{title.removeprefix('# ')}]({stem}.ipynb)"


def anchor(heading: str) -> str:
    """The fragment that JupyterLab, nbviewer and nbconvert give a heading."""
    return quote(heading.replace("`", "").replace(" ", "-"), safe="-_.,:;!?'&=+@~*/")
