"""The tag that sends a learner to a section of the lesson."""

import re

import pytest
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3
from thrice import SOURCE, edit, product

from builder.checking import lint_script
from builder.course import BuildError, read_script


def test_the_section_stands_beside_nbgraders_metadata_and_in_no_tag(course, library):
    for target in product(course, library).targets:
        cells = target.notebook.cells
        found = {
            cell.metadata.nbgrader.grade_id: dict(cell.metadata.course)
            for cell in cells
            if "course" in cell.metadata
        }
        assert found == {
            "thrice": {"section": "01_twice#01. Twice"},
            "answer": {"section": "01_twice#Questions"},
        }
        tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
        assert not any(tag.startswith("section") for tag in tags)
        MetadataValidatorV3().validate_nb(target.notebook)


@pytest.mark.parametrize("begin", ["Ques", "Questions"])
def test_the_beginning_of_a_heading_is_enough(course, library, begin):
    edit(course, "#Questions", f"#{begin}")
    cells = product(course, library).targets[1].notebook.cells
    sections = [c.metadata.course.section for c in cells if "course" in c.metadata]
    assert sections[1] == "01_twice#Questions"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#Questions", "#Answers", "has no heading 'Answers'; it has: 01. Twice; Q"),
        ("#Questions", "#", "has no heading ''"),
        ("01_twice#", "01_once#", "no lesson is called '01_once'; there are: 01_twice"),
        ("01_twice#", "", "no lesson is called '01_thrice'"),
        (
            "# %%\nimport",
            '# %% tags=["section:Questions"]\nimport',
            "belongs to a cell",
        ),
    ],
)
def test_a_section_that_does_not_exist_is_refused(course, library, old, new, message):
    edit(course, old, new)
    with pytest.raises(BuildError, match=f"{SOURCE}, cell.*{re.escape(message)}"):
        product(course, library)


def test_two_headings_that_begin_alike_are_refused(course, library):
    lesson = course.root / "source/lessons/01_twice.py"
    lesson.write_text(lesson.read_text() + "#\n# ## Questionable\n")
    edit(course, "#Questions", "#Quest")
    with pytest.raises(BuildError, match="has 2 headings 'Quest'"):
        product(course, library)


def test_a_task_without_a_section_is_remarked(course):
    edit(course, ', "section:01_twice#Questions"', "")
    (remark,) = lint_script(read_script(course.root / SOURCE, SOURCE))
    assert "no tag like section:Heading" in remark
