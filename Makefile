# make study   the whole MLP study on small digits, from an empty machine to a report
# make test    all fast tests
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# Data of tests and benchmarks: LASHLEY_DATA, else ../shared/data if it is there.
ifndef LASHLEY_DATA
ifneq ($(wildcard ../shared/data),)
export LASHLEY_DATA := $(abspath ../shared/data)
endif
endif

.PHONY: study test test-all lint check bench wheel clean
.DELETE_ON_ERROR:

.venv/.study: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable .
	touch $@

.venv/.test: .venv/.study
	$(PIP) --editable '.[test]'
	touch $@

.venv/.dev: .venv/.test
	$(PIP) --editable '.[dev]'
	touch $@

study: .venv/.study
	$(BIN)/lashley run digits-mlp

test: .venv/.test
	$(BIN)/python -m pytest -m 'not slow'

test-all: .venv/.test
	$(BIN)/python -m pytest

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

check: lint test

bench: .venv/.study
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/population.py

wheel: .venv/.dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
