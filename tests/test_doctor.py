"""The doctor reads the requirements from the package and says how to meet them."""

import builtins
import getpass
import importlib
import io
import json
import platform
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from rich.console import Console
from typer.testing import CliRunner

from course_grading.cli import app
from course_utils import doctor

ROOT = Path(__file__).parents[1]


def printed(report: doctor.Report) -> str:
    console = Console(file=io.StringIO(), width=120)
    doctor.print_report(report, console)
    return console.file.getvalue()


def test_every_requirement_of_the_project_is_looked_at():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {Requirement(line).name for line in project["dependencies"]}
    assert {finding.name for finding in doctor.find_packages()} == required


def test_this_computer_is_healthy_and_the_report_names_nobody():
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for part in ("Python", "torch", "nbval", "CPU cores", "memory", "GPU", "budget"):
        assert part in result.output
    assert str(Path.home()) not in result.output.replace(str(ROOT), "")
    assert str(ROOT) not in result.output
    assert platform.node() not in result.output
    names = result.output.replace("/", " ").split()
    assert getpass.getuser() not in names


def test_what_is_missing_or_too_old_is_named_with_its_remedy(monkeypatch):
    wanted = ["torch>=99", "no-such-package>=1", "numpy>=1", "rich>=1; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    report = doctor.examine()
    states = {f.name: f.state for f in report.findings}
    assert states["torch"] == states["no-such-package"] == "problem"
    assert states["numpy"] == "ok"
    assert "rich" not in states
    assert 'pip install "no-such-package>=1"' in printed(report)
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1


def test_a_build_of_torch_for_one_device_counts_as_its_version(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda _: "2.11.0+cpu")
    assert doctor.find_package(Requirement("torch>=2.11,<=2.11.0")).state == "ok"


def test_without_the_packages_metadata_the_main_packages_are_looked_at(monkeypatch):
    def refuse(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", refuse)
    assert {r.name for r in doctor.requirements()} == set(doctor.FALLBACK)


def test_a_hosted_notebook_does_without_jupyterlab(monkeypatch):
    def refuse(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", refuse)
    assert doctor.find_package(Requirement("jupyterlab")).state == "problem"
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    assert doctor.find_package(Requirement("jupyterlab")).state == "advice"
    assert doctor.find_package(Requirement("torch")).state == "problem"


def test_a_wrong_budget_is_a_problem_with_a_remedy(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "huge")
    finding = doctor.find_budget()
    assert (finding.state, finding.remedy) == ("problem", "unset COURSE_BUDGET")


def test_a_torch_that_does_not_load_is_a_problem_with_a_remedy(monkeypatch):
    """On Windows without Microsoft's runtime, importing torch is an OSError."""

    def refuse(name: str, *arguments: object) -> object:
        if name.partition(".")[0] in ("torch", "course_utils"):
            raise OSError("a library of torch's cannot be found")
        return real(name, *arguments)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(importlib, "import_module", refuse)
    gpu, budget = doctor.find_gpu(), doctor.find_budget()
    assert (gpu.state, budget.state) == ("problem", "ok")
    assert "install torch" in gpu.remedy
    assert budget.found == "not known without torch"


def test_a_lesson_can_call_it(capsys):
    doctor.doctor()
    assert json.dumps("torch")[1:-1] in capsys.readouterr().out


@pytest.mark.parametrize("state", ["ok", "advice"])
def test_advice_is_no_illness(state):
    assert doctor.Report((doctor.Finding("memory", "2 GiB", state),)).is_healthy
