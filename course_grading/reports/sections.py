"""What helps a learner with a task: its hints, and where the lesson treats it.

Both come from the released assignment: the folded hints above a task, in steps, and the
section in the metadata of its cell.
"""

import re
from dataclasses import replace

from course_grading.running.verdict import Result
from course_grading.submission.assignment import Assignment

FOLDED = re.compile(r"<details>\s*<summary>.*?</summary>(.*?)</details>", re.DOTALL)
CODE = re.compile(r"`[^`]+`|\$[^$]+\$")
SENTENCE = re.compile(r"[.?!](?=\s+[\"A-Z`$])")


def add_help(result: Result, assignment: Assignment) -> Result:
    """The result with hints and section, where its task is not right.

    A right answer gets the section alone: there is nothing left to hint at.
    """
    section = next((t.section for t in assignment.tasks if t.name == result.name), "")
    hints = () if result.verdict == "right" else find_hints(result.name, assignment)
    return replace(result, hints=hints, section=section)


def find_hints(task: str, assignment: Assignment) -> tuple[str, ...]:
    """The hints of a task as Markdown, in the order in which to open them.

    They stand in the text between the code before the task and the task's own cell.
    """
    texts: list[str] = []
    for cell in assignment.cells:
        if cell.grade_id == task:
            found = FOLDED.findall("\n".join(texts))
            return tuple(step for hint in found for step in steps(hint))
        texts = [*texts, cell.source] if cell.kind == "markdown" else []
    return ()


def steps(hint: str) -> list[str]:
    """A hint as a nudge, its first sentence, and what follows; code is never cut."""
    hint = hint.strip()
    masked = CODE.sub(lambda found: "`" * len(found[0]), hint)
    end = SENTENCE.search(masked)
    parts = [hint[: end.end()], hint[end.end() :]] if end else [hint]
    return [part.strip() for part in parts if part.strip()]
