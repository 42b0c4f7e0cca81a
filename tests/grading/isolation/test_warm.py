"""Starting, ending and losing children, whatever layers the system offers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from isolation.conftest import STAND_IN, Run, ask, bare

from course_utils.grading.isolation.warm import Child, Warm
from course_utils.grading.outcome import GraderError


def test_a_child_answers_and_is_ended_by_the_grader(child: Child):
    assert ask(child, "value = 6 * 7") == 42
    ending = child.end()
    assert ending.by_grader
    assert ending.signal == signal.SIGKILL
    assert child.end() is ending
