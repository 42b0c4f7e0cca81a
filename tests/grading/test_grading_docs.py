"""What the instructor's guide and the workflow to copy promise exists and works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from course_grading.cli import app

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "grading.md"
WORKFLOW = ROOT / "templates" / "github" / ".github" / "workflows" / "grade.yml"
COMMANDS = typer.main.get_command(app).commands
DASK = {"--nthreads"}


def options_of(command: str) -> set[str]:
    params = COMMANDS[command].params
    return {name for p in params for name in [*p.opts, *p.secondary_opts]}


def test_every_option_in_the_guide_exists():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE.read_text()))
    assert named - set().union(*map(options_of, COMMANDS)) - DASK == set()


def test_every_option_of_a_class_is_explained():
    explained = set(re.findall(r"--[a-z][a-z-]+", GUIDE.read_text()))
    missing = options_of("grade") - explained
    assert missing <= {"paths", "--help"}


def test_every_command_in_the_guide_exists():
    named = re.findall(r"\bcourse (\w+) (?!of\b)[\w/*.-]", GUIDE.read_text())
    assert {"grade", "similar"} <= set(named) <= set(COMMANDS)


def test_links_in_the_guide_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", GUIDE.read_text())
    assert [link for link in links if not (GUIDE.parent / link).exists()] == []


def test_the_limits_in_the_guide_are_the_defaults():
    rows = re.findall(r"\| `(--[a-z-]+)` \| (\d+) (?:s|MB) \|", GUIDE.read_text())
    defaults = {o: p.default for p in COMMANDS["grade"].params for o in p.opts}
    assert len(rows) == 4
    assert [name for name, value in rows if defaults[name] != int(value)] == []


COURSE = f'''
course() {{ "{sys.executable}" -c "from course_grading.cli import app; app()" "$@"; }}
'''


@pytest.mark.parametrize(("answers", "status"), [({}, 0), ({"sides": "sides = 5"}, 1)])
def test_the_workflows_step_is_green_for_full_marks_only(
    answers, status, submit, released, tmp_path
):
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["grade"]
    (step,) = [s for s in job["steps"] if s.get("name") == "Grade"]
    (tmp_path / "assignments").mkdir()
    shutil.copy(submit(answers), tmp_path / "assignments" / "90_small.ipynb")
    command = step["run"].replace("${{ matrix.assignment }}", "90_small")
    done = subprocess.run(
        ["bash", "-c", f"{COURSE} {command} --reference '{released}'"],
        cwd=tmp_path,
        env={"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "PATH": "/usr/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == status, done.stdout.decode()
    assert "of 10 points" in (tmp_path / "summary.md").read_text()
    assert (tmp_path / "grades" / "feedback.html").exists()
