# Every command sets up what it needs in .venv, once; a stamp in .venv/stamps remembers it until
# pyproject.toml changes. Only Python >= 3.11 and its package index are needed.

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
# One environment, so one pip at a time, also under `make -j`.
.NOTPARALLEL:
.PHONY: help demo test test-long test-peers test-all lint bench wheel clean

help: ## this list
	@echo 'usage: make TARGET [PYTHON=python3.12]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile

demo: $(STAMPS)/train ## train the classifier on real handwritten digits and show the picture report
	$(BIN)/dxdw train

test: $(STAMPS)/test ## run the tests, but for the long ones and the group that needs other libraries
	$(BIN)/python -m pytest -m 'not peers and not slow'

test-long: $(STAMPS)/test ## run the long forms: every pair of tiny geometries, half an hour and more
	$(BIN)/python -m pytest -m slow

test-peers: $(STAMPS)/peers ## run the tests against PyTorch and JAX
	$(BIN)/python -m pytest -m peers

test-all: test test-peers ## run every group of tests

lint: $(STAMPS)/dev ## check style, formatting, types and the repository itself
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/repo-review --show err .

bench: $(STAMPS)/test ## measure the engines against the usual ways
	$(BIN)/dxdw bench

wheel: $(STAMPS)/venv ## build dist/dxdw-*.whl
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	@ls -l dist

clean: ## remove .venv and everything built or cached
	rm -rf $(VENV) dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo 'dxdw needs Python 3.11 or newer, and $(PYTHON) is not there: try make PYTHON=python3.12 ...' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dxdw needs Python 3.11 or newer, \
	and $(PYTHON) is %s: try make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@echo 'setting up $(VENV) ...'
	@'$(PYTHON)' -m venv $(VENV)
	@$(PIP) install --quiet --upgrade 'pip>=25.1' # the first that installs dependency groups
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/train: EXTRA := train
$(STAMPS)/train: GROUP :=
$(STAMPS)/test $(STAMPS)/peers $(STAMPS)/dev: EXTRA := all
$(STAMPS)/test $(STAMPS)/peers $(STAMPS)/dev: GROUP = $() --group $(@F)
# Editable in all of them, so that no command runs a stale copy that another one installed.
$(STAMPS)/train $(STAMPS)/test $(STAMPS)/peers $(STAMPS)/dev: pyproject.toml | $(STAMPS)/venv
	@echo 'installing dxdw[$(EXTRA)]$(GROUP) into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[$(EXTRA)]'$(GROUP)
	@touch $@
