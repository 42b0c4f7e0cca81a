"""Words that no answer needs are named to the instructor, and cost nothing."""

from pathlib import Path

import pytest

from course_grading.restoring.restore import restore_file
from course_grading.restoring.suspicious_words import reaches

TOUCHES = {
    "from course_utils import checking": "course_utils import checking",
    "from course_utils.checking import steps": "course_utils.checking",
    "import course_utils.checking.forbidden as f": "course_utils.checking",
    "import course_grading.isolation.child": "course_grading",
    "nms.__code__ = kept": "__code__",
    "import sys\nsys._getframe(1).f_back": "_getframe, f_back",
    "open('/proc/self/maps')": "/proc/",
}
HONEST = (
    "import sys, gc, inspect\ngc.collect()\nprint(sys.version)",
    "from course_utils.checks.rcnn import check_whitened_targets",
    "from course_utils import data, draw",
)


@pytest.mark.parametrize("code", TOUCHES)
def test_what_it_touches_is_named(code: str, submit, released: Path):
    path = submit({"double": f"{code}\ndef double(x):\n    return 2 * x"})
    said = reaches(restore_file(path, released))
    assert said == f"The code touches what no answer needs: {TOUCHES[code]}."


@pytest.mark.parametrize("code", HONEST)
def test_honest_code_touches_nothing(code: str, submit, released: Path):
    path = submit({"double": f"{code}\ndef double(x):\n    return 2 * x"})
    assert reaches(restore_file(path, released)) == ""
