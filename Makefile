# The verbs of the project; nothing else knows the commands behind them.
#
#   make demo       set-up and main job: train, convert, generate, simulate all held-out images, compare, report
#   make test       set-up and tests          make test-slow  the tests that take minutes
#   make bench      figures as one table      make regress    the cocotb regression
#   make lint       ruff                      make types      basedpyright
#   make dev        set-up alone              make clean      remove what was built

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.set-up
ROOMS := algo hw sim tb flow boards
WORKERS ?= 2

# Real data sets, where they lie beside the project: tests that need them are skipped without, and say so.
export QUADRILLE_DATA ?= $(abspath $(wildcard ../shared/data))
export AMARANTH_USE_YOSYS := builtin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-slow lint format types bench regress dev lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

demo: $(SETUP)
	$(BIN)/python -m quadrille.flow.demo

# Slow tests are left to `make test-slow`.
test: $(SETUP)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m "not slow"

test-slow: $(SETUP)
	$(BIN)/pytest -q -m slow

lint: $(SETUP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(SETUP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(SETUP)
	$(BIN)/basedpyright

bench: $(SETUP)
	$(BIN)/python bench/run.py

regress: $(SETUP)
	$(BIN)/quadrille regress

dev: $(SETUP)

# A virtual environment that is there already is used (one with PyTorch's CPU build, for example). A Debian python3
# without python3-venv gets virtualenv, where pip is at hand to fetch it.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python must be 3.11 or later: name one with 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	    $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m virtualenv --version >/dev/null 2>&1; then \
	    $(PYTHON) -m virtualenv -q $(VENV); \
	elif $(PYTHON) -m pip install -q --target build/virtualenv virtualenv 2>/dev/null; then \
	    PYTHONPATH=build/virtualenv $(PYTHON) -m virtualenv -q $(VENV); \
	else \
	    echo "Python lacks venv: install it with 'apt-get install python3-venv'" >&2; exit 1; \
	fi

# Set-up is done again when the metadata or the pins change. The editable install takes its build tools from the lock.
# The links are for type checkers, which do not follow its import hook.
$(SETUP): pyproject.toml requirements.lock | $(BIN)/python
	@echo "Setting up $(VENV): once, and again when pyproject.toml or requirements.lock change."
	$(BIN)/python -m pip install -q --no-compile -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@mkdir -p .typing/quadrille
	@for room in $(ROOMS); do ln -sfn ../../$$room .typing/quadrille/$$room; done
	@touch $@

# Pins anew, in an empty environment.
lock:
	rm -rf build/lock && mkdir -p build && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q torch==2.13.0 setuptools wheel '.[dev]'
	@{ sed -n '/^#/p' requirements.lock; \
	   build/lock/bin/pip freeze --all --exclude quadrille --exclude pip \
	   | sed -e 's/+cpu$$//' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton=/d' | LC_ALL=C sort -f; } > build/requirements.lock
	mv build/requirements.lock requirements.lock

# The cache of built simulations lies outside (QUADRILLE_CACHE, or ~/.cache/quadrille) and can be deleted at any time too.
clean:
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find $(ROOMS) tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
