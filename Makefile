# Each command makes the virtual environment that it needs, and makes it again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
SECONDS ?= 600
SAMPLE ?= 100
SEED ?= 1
BIN := $(VENV)/bin
# Four at a time, also on two processors: many tests wait for processes of their own. A file stays in one process, as its
# fixtures are shared. In the order of the folders the files that take long come first, so that all four have something to
# do until the end.
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
# The rules of the source are a check, and `make check` has done it. Quick tests wait less: three processes do, and each
# finds only the files that are dealt to it (tests/support/dealing.py).
# One that dies ends the run: nobody else has found its files.
DEALT := $(BIN)/python -m pytest --deal --max-worker-restart 0
QUICK := $(filter-out %/__pycache__/ tests/rules/ tests/benchmarks/ tests/mutants/ tests/screens/ tests/support/,$(wildcard tests/*/))

# The hooks of .pre-commit-config.yaml.
CHECKS := check-style check-format check-types check-imports check-rules check-docs
# Material announces its successor at each build: docs/decisions/0063-tools-of-the-documentation.md says what we think of it.
export NO_MKDOCS_2_WARNING = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test smoke check $(CHECKS) hooks slow slow-short notebook soak bench bench-short mutants mutants-short screens docs format clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/runtime.stamp  ## evaluate several simulated models and show who wins
	$(BIN)/themis demo

test: $(VENV)/dev.stamp  ## run the quick tests
	$(DEALT) -n 4 $(QUICK)

smoke: $(VENV)/dev.stamp  ## a few tests of each unit, and a submit, a worker and a report: half a minute
	$(DEALT) -n 3 --smoke --ignore tests/unit/support --ignore tests/unit/stores/postgres tests/unit tests/acceptance/test_smoke.py

# Where git does not know the tree (an unpacked archive, somebody else's folder), the same checks without pre-commit.
check: $(VENV)/dev.stamp  ## check style, format, types, import direction, rules of the source and documentation
	@if [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" ]; \
	then SKIP= $(BIN)/pre-commit run --all-files; \
	else $(MAKE) --keep-going --no-print-directory $(CHECKS); fi

check-style: $(VENV)/dev.stamp
	$(BIN)/ruff check .

check-format: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .

check-types: $(VENV)/dev.stamp
	$(BIN)/mypy

check-imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports

check-rules: $(VENV)/dev.stamp
	$(BIN)/python -m pytest tests/rules

# Strict counts warnings, so they must not be silenced: --quiet would hide them from it too.
check-docs: $(VENV)/dev.stamp
	$(BIN)/mkdocs build --strict

hooks: $(VENV)/dev.stamp  ## have git run the checks before each commit
	$(BIN)/pre-commit install

slow: $(VENV)/dev.stamp  ## run the slow tests: crash points, power loss, races
	$(PYTEST) -m slow

slow-short: $(VENV)/dev.stamp  ## run the slow tests on a sample of their cases
	$(PYTEST) -m slow --short

notebook: $(VENV)/dev.stamp  ## execute the notebooks of the documentation in a kernel of Jupyter
	$(BIN)/python -m pytest -m notebook tests/notebooks

soak: $(VENV)/dev.stamp  ## storms on a queue, round after round, for SECONDS (600), and what was done in numbers
	$(BIN)/python -m pytest -m soak --soak-seconds $(SECONDS) tests/processes

bench: $(VENV)/dev.stamp  ## measure speed and memory, as ratios to what this machine can do
	$(BIN)/python -m tests.benchmarks

bench-short: $(VENV)/dev.stamp  ## the same on small inputs: that it runs, not how fast
	$(BIN)/python -m tests.benchmarks --short

mutants: $(VENV)/dev.stamp  ## change SAMPLE (100) lines, one at a time, and see whether the tests notice; SEED chooses
	$(BIN)/python -m tests.mutants --sample $(SAMPLE) --seed $(SEED)

mutants-short: $(VENV)/dev.stamp  ## the same with a few lines, each by the tests that are known to notice it
	$(BIN)/python -m tests.mutants --short

screens: $(VENV)/dev.stamp  ## run the terminal session of the documentation again, and capture its screens
	$(BIN)/python -m tests.screens

docs: $(VENV)/dev.stamp  ## serve the documentation on http://127.0.0.1:8000
	$(BIN)/mkdocs serve

format: $(VENV)/dev.stamp  ## put the code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove all that these commands made
	rm -rf $(VENV) demo site dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Themis needs Python 3.11 or newer; '$(PYTHON)' is not. Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "'$(PYTHON)' cannot make virtual environments; install its venv module (Debian: python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/runtime.stamp $@
