"""Grades as JUnit XML, for CI: a test case a task, never a cell."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from course_grading.reports.file_names import label
from course_grading.reports.text import one_line, visible
from course_grading.running.verdict import Grade, Result

FAILURES = {"wrong", "not answered", "missing"}  # any other verdict is an error


def as_junit(grades: Sequence[Grade]) -> str:
    """The text of one file on some grades: a suite a submission."""
    suites = ET.Element("testsuites", name="course grade")
    for grade in grades:
        add_suite(suites, grade)
    ET.indent(suites)
    body = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def add_suite(suites: ET.Element, grade: Grade) -> None:
    """Add the suite of one submission; a file that cannot be graded is one error."""
    assignment = grade.record.assignment if grade.record else ""
    verdicts = [result.verdict for result in grade.results]
    failures = sum(verdict in FAILURES for verdict in verdicts)
    errors = len(verdicts) - failures - verdicts.count("right")
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=label(grade),
        tests=str(len(verdicts) or 1),
        failures=str(failures),
        errors=str(errors if verdicts else 1),
        skipped="0",
        time=f"{grade.record.seconds if grade.record else 0:.3f}",
    )
    add_properties(suite, suite_properties(grade))
    for result in grade.results:
        add_case(suite, assignment or "assignment", result)
    if not grade.results:
        case = ET.SubElement(suite, "testcase", classname="submission", name="file")
        problem = visible(grade.problem)
        ET.SubElement(case, "error", message=one_line(problem)).text = problem


def suite_properties(grade: Grade) -> dict[str, str]:
    """What is told about a submission as a whole."""
    told = {"file": grade.file, "score": str(grade.score), "points": str(grade.points)}
    if grade.record:
        told |= {
            "release": grade.record.release,
            "submission": grade.record.submission,
            "seed": str(grade.record.seed),
            "way": grade.record.way,
        }
    return told | {"problem": grade.problem, "review": grade.review}


def add_properties(parent: ET.Element, properties: dict[str, str]) -> None:
    """Add those that are not empty."""
    node = ET.SubElement(parent, "properties")
    for name, value in properties.items():
        if value:
            ET.SubElement(node, "property", name=name, value=one_line(value, most=500))


def add_case(suite: ET.Element, assignment: str, result: Result) -> None:
    """Add one task, with its points as properties."""
    case = ET.SubElement(
        suite,
        "testcase",
        classname=visible(assignment),
        name=visible(result.name),
        time=f"{result.seconds:.3f}",
    )
    told = {"score": str(result.score), "points": str(result.points)}
    add_properties(case, told | {"verdict": result.verdict, "section": result.section})
    if result.verdict == "right":
        return
    kind = "failure" if result.verdict in FAILURES else "error"
    text = visible(result.message)
    node = ET.SubElement(case, kind, message=one_line(text), type=result.verdict)
    node.text = text
