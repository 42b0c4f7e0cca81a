"""Grades as JSON: nothing is lost, and what is written keeps to its schema."""

import json
from typing import get_args

import jsonschema
import pytest
from report_grades import hostile_class, some_class

from course_grading.reports.json import (
    FORMAT,
    as_json,
    as_json_list,
    from_json,
    schema,
    to_json,
)
from course_grading.running.verdict import Grade, Verdict

GRADES = [*some_class(20), *hostile_class(), Grade("a.ipynb")]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one_and_knows_every_verdict():
    jsonschema.Draft202012Validator.check_schema(schema())
    task = schema()["$defs"]["task"]["properties"]
    assert set(task["verdict"]["enum"]) == set(get_args(Verdict))
    assert schema()["properties"]["format"]["const"] == FORMAT


def test_a_grade_comes_back_as_it_was():
    for grade in GRADES:
        text = json.dumps(to_json(grade))  # one line of a journal
        assert "\n" not in text
        assert from_json(json.loads(text)) == grade


def test_the_file_keeps_to_the_schema_and_is_plain_ascii():
    for grade in GRADES:
        text = as_json(grade)
        VALIDATOR.validate(json.loads(text))
        assert text.isascii()
        assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
        json.loads(text)["file"].encode()  # no half characters: many refuse them


def test_a_class_is_a_list_of_such_grades():
    content = json.loads(as_json_list(GRADES))
    assert len(content["grades"]) == len(GRADES)
    for each in content["grades"]:
        VALIDATOR.validate(each)


def test_another_format_is_refused():
    data = to_json(GRADES[0])
    with pytest.raises(ValueError, match="expected the format"):
        from_json(data | {"format": "boxes-to-meshes/grade/0"})
