# make study   the whole MLP study on small digits, from an empty machine to a report
# make test    all fast tests; test-kernels: with the kernels of other CPUs, too; test-lowest: with the lowest versions
# make zoo     hundreds of networks of other libraries, their ablations checked
# make bench   speed and memory, as ratios taken on this machine
# make explorer  builds the page of the reports from explorer/ (needs Node 20.19 or newer)
PYTHON ?= python3
BIN := .venv/bin
INSTALL := -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
PIP := $(BIN)/python $(INSTALL)

# Data of tests and benchmarks: LASHLEY_DATA, else ../shared/data if it is there.
ifndef LASHLEY_DATA
ifneq ($(wildcard ../shared/data),)
export LASHLEY_DATA := $(abspath ../shared/data)
endif
endif

.PHONY: study test test-all test-kernels test-lowest lint check bench explorer check-explorer zoo wheel clean
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

.venv/.bench: .venv/.study
	$(PIP) --editable '.[bench]'
	touch $@

# Apart: with a torchvision of another build at hand, transformers cannot be imported by the tests.
.venv-zoo/.zoo: pyproject.toml constraints.txt benchmarks/zoo/no-deps.txt
	test -x .venv-zoo/bin/python || $(PYTHON) -m venv .venv-zoo
	.venv-zoo/bin/python $(INSTALL) torch
	.venv-zoo/bin/python $(INSTALL) --editable '.[test,zoo]'
	.venv-zoo/bin/python $(INSTALL) --no-deps --requirement benchmarks/zoo/no-deps.txt
	touch $@

.venv/.dev: .venv/.test
	$(PIP) --editable '.[dev]'
	touch $@

study: .venv/.study
	$(BIN)/lashley run digits-mlp

# A process for each core, one thread each: small networks gain nothing from more.
THREADS := 1
PYTEST := OMP_NUM_THREADS=$(THREADS) $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test: .venv/.test
	$(PYTEST) -m 'not slow'

test-all: .venv/.test
	$(PYTEST)

# With the kernels that PyTorch takes on CPUs without AVX-512, on those without AVX2, and with two threads.
test-kernels:
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(MAKE) test
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE $(MAKE) test
	$(MAKE) test THREADS=2

# With the lowest versions that pyproject.toml promises; a torch of several gigabytes.
.venv-lowest/.test: pyproject.toml constraints-lowest.txt
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints-lowest.txt torch
	.venv-lowest/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints-lowest.txt --editable '.[test]'
	touch $@

test-lowest: .venv-lowest/.test
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest --numprocesses auto --dist worksteal -m 'not slow'

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

explorer/node_modules/.installed: explorer/package.json explorer/package-lock.json
	cd explorer && npm ci
	touch $@

explorer: explorer/node_modules/.installed
	cd explorer && npm run build

# Style, types and tests of the explorer; and the bundle that ships is the build of these sources.
check-explorer: explorer/node_modules/.installed
	cd explorer && npm run check
	cd explorer && npm run build -- --outDir ../build/explorer
	diff --recursive --brief build/explorer src/lashley/page/bundle

check: lint check-explorer test

bench: .venv/.bench
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.cluster
	$(BIN)/python -m benchmarks.mlp
	$(BIN)/python -m benchmarks.depth
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.population
	$(BIN)/python -m benchmarks.recovery
	$(BIN)/python -m benchmarks.report

# Rows of networks that are known already are kept in build/zoo; ZOO='--only levit --again' takes some.
zoo: .venv-zoo/.zoo
	.venv-zoo/bin/python -m benchmarks.zoo $(ZOO)

wheel: .venv/.dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf .venv .venv-zoo build dist explorer/node_modules .pytest_cache .ruff_cache .hypothesis .import_linter_cache
