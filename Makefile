# The course's commands. `make lab` for learners, `make test` for contributors.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The graders that ours is compared with; torch and the rest they see in $(VENV).
PEERS := .venv-grading
# TORCH=cpu takes the small CPU builds of PyTorch on Linux; empty takes pip's default.
TORCH ?=
# Processes of `make test`: one more than two cores, since some tests mostly wait.
PROCESSES ?= 3

.PHONY: help setup lab test fix check build rebuild lessons bench bench-grading clean

help:
	@echo "make lab      set up, then open the course in JupyterLab"
	@echo "make setup    only set up: create $(VENV) and install the course"
	@echo "make test     prove the project: everything that CI runs"
	@echo "make fix      format the code and repair what the linter can"
	@echo "make check    formatting, lint, types, and that the notebooks are built"
	@echo "make build    build the notebooks whose sources changed"
	@echo "make rebuild  build all notebooks, executed in order with fresh results"
	@echo "make lessons  run every lesson at full laptop size, with its asserted results"
	@echo "make bench    print speed beside the public peers"
	@echo "make bench-grading  grade a class beside nbgrader, otter and plain nbval"
	@echo "TORCH=cpu     with any of them, on Linux: CPU builds of PyTorch (a tenth of the size)"

setup: $(VENV)/.installed

lab: $(VENV)/.installed
	$(BIN)/jupyter lab $(AS_ROOT) notebooks/00_start_here.ipynb

test: check
	OMP_NUM_THREADS=1 COURSE_BUDGET=smoke $(BIN)/pytest --numprocesses $(PROCESSES) \
	  --dist loadfile --no-loadscope-reorder $(NBVAL) tests notebooks solutions

lessons: $(VENV)/.installed-dev
	COURSE_BUDGET=laptop $(BIN)/pytest $(NBVAL) notebooks

# In a container one often is root, which JupyterLab wants to be told.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

WRITTEN := benchmarks course_grading course_utils docs source tests *.md
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 600

fix: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell $(WRITTEN)
	$(BIN)/mypy
	$(BIN)/python source/build.py --check

build: $(VENV)/.installed-dev
	$(BIN)/python source/build.py

rebuild: $(VENV)/.installed-dev
	$(BIN)/python source/build.py --force

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

bench-grading: $(VENV)/.installed-dev $(PEERS)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.grading_peers $(PEERS)/bin/python

clean:
	rm -rf $(VENV) $(PEERS) .build .mypy_cache .ruff_cache .pytest_cache

# One recipe makes the environment; a stamp file says which parts it holds.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The course needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "This Python cannot create environments. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	$(BIN)/python -m pip install --quiet uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --torch-backend=cpu torch torchvision
endif

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing the course into $(VENV); PyTorch is large, so the first time takes minutes."
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# The folder of installed packages of a Python, as options for it.
PACKAGES := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

$(PEERS)/.installed: | $(VENV)/.installed-dev
	$(BIN)/python -m venv --clear $(PEERS)
	$(BIN)/python $(PACKAGES) > "$$($(PEERS)/bin/python $(PACKAGES))/course.pth"
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet nbgrader otter-grader
	@touch $@
