"""Where a section of a lesson is found: its name, its file and its address."""

import importlib.metadata
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from course_grading.reports.text import visible

DISTRIBUTION = "boxes-to-meshes"


@dataclass(frozen=True)
class Section:
    """A section of a lesson.

    Attributes:
        lesson: as people say it, such as "Lesson 02".
        heading: of the section.
        file: of the notebook, from the folder of the course.
        address: where it can be read, or "" where the course has no public address.
    """

    lesson: str
    heading: str
    file: str
    address: str


def find_section(section: str) -> Section | None:
    """Where "02_rcnn#Hard negatives" leads; None for anything else."""
    found = re.fullmatch(r"((\d\d)_\w+)#(.+)", visible(section), re.ASCII)
    if found is None:
        return None
    file = f"notebooks/{found[1]}.ipynb"
    # Jupyter and GitHub make a heading's anchor by putting dashes for spaces.
    anchor = quote(found[3].replace(" ", "-"))
    root = repository()
    address = f"{root}/blob/main/{file}#{anchor}" if root else ""
    return Section(f"Lesson {found[2]}", found[3], file, address)


@cache
def repository() -> str:
    """The public address of the course, as it was installed; "" where it has none."""
    try:
        found = importlib.metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    for entry in found:
        name, _, address = entry.partition(", ")
        if name == "Repository" and address.startswith("https://"):
            return str(address).rstrip("/").removesuffix(".git")
    return ""
