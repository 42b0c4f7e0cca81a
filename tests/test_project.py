"""The ways to set up agree with each other, and the documents point at what exists."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIRED = [Requirement(line) for line in PROJECT["dependencies"]]
DOCUMENTS = ["README.md", "CONTRIBUTING.md"]


def test_colabs_versions_satisfy_what_the_course_requires():
    lines = (ROOT / "constraints-colab.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if "==" in line]
    exact = {pin.name: Version(str(pin.specifier).removeprefix("==")) for pin in pins}
    refused = [
        str(r) for r in REQUIRED if r.name in exact and exact[r.name] not in r.specifier
    ]
    assert refused == []
    assert {"torch", "torchvision", "numpy", "ipywidgets"} <= exact.keys()


def test_conda_installs_the_course_itself_with_a_python_it_supports():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    python = next(
        d for d in environment["dependencies"] if str(d).startswith("python=")
    )
    allowed = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert Version(python.removeprefix("python=")) in allowed
    assert {"pip": ["--editable ."]} in environment["dependencies"]


def test_the_dev_container_sets_up_with_a_target_that_exists():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    target = container["postCreateCommand"].split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_inside_the_repository_lead_somewhere(name: str):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_the_documents_are_targets_of_the_makefile(name: str):
    commands = set(re.findall(r"\bmake ([a-z]+)", (ROOT / name).read_text()))
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    assert commands - targets == set()


def test_the_repositorys_address_stands_in_one_place_for_the_code():
    address = PROJECT["urls"]["Repository"]
    files = [*ROOT.glob("course_utils/**/*.py"), *ROOT.glob("source/**/*.py")]
    assert [str(f) for f in files if address in f.read_text()] == []
