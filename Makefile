# Every command sets up what it needs in .venv, once; a stamp in .venv/stamps remembers it until
# pyproject.toml changes, and the kernels' until a file of theirs does. Only Python >= 3.11 and its
# package index are needed; without a C++ compiler there are no native kernels, and it says so.

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
# One environment, so one pip at a time, also under `make -j`.
.NOTPARALLEL:
.PHONY: help demo lab test test-long test-random test-interrupts test-peers test-peers-long test-dask test-dask-long test-install \
  test-lab test-lab-firefox test-lab-webkit test-all \
  coverage numerics digests mutation mutation-kernels test-native fuzz fuzz-python test-aarch64 sanitize sanitize-threads wasm test-wasm \
  bench-wasm lint bench bench-avx2 bench-choices bench-training \
  bench-dask docs wheel wheel-lab clean

help: ## this list
	@echo 'usage: make TARGET [PYTHON=python3.12]'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

demo: $(STAMPS)/train $(STAMPS)/native ## train the classifier on real handwritten digits and show the picture report
	$(BIN)/dxdw train

lab: $(STAMPS)/page ## build the practice page, and open it in the browser
	$(BIN)/dxdw lab --folder build/lab

# A process for each core; each has the kernels' own threads besides. Tests stay in their order, of
# which fixtures and caches live, and whoever is done takes a part of what another has left.
SHARED := -n auto --maxprocesses 4 --dist worksteal
# The tests start hundreds of programs, and without byte code each compiles the package anew: 0.4 s of
# the 1.4 that `dxdw check` takes.
unexport PYTHONDONTWRITEBYTECODE

test: $(STAMPS)/test $(STAMPS)/native ## run the tests, but for the long ones and the groups that need more
	$(BIN)/python -m pytest $(SHARED) -m 'not peers and not dask and not slow and not install'

test-long: $(STAMPS)/test $(STAMPS)/native ## run the long forms: every pair of tiny geometries, half an hour and more
	$(BIN)/python -m pytest $(SHARED) -m 'slow and not peers and not dask'

numerics: $(STAMPS)/test $(STAMPS)/native ## the largest error of every engine over its bound, on 25 families of data, into docs
	PYTHONPATH=tests/support $(BIN)/python tests/support/worst_errors.py

# Of these one line each is told that no test notices; tests/mutation/SURVIVORS.md has the known ones.
mutation: $(STAMPS)/test $(STAMPS)/native ## change the Python that checks and plans, a place at a time, for SECONDS=600
	$(BIN)/python tests/mutation/python_mutants.py --seconds $(or $(SECONDS),600)

mutation-kernels: $(STAMPS)/test $(STAMPS)/native $(STAMPS)/cmake ## the same of the kernels, for SECONDS=3600
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/mutation/kernel_mutants.py --seconds $(or $(SECONDS),3600)

digests: $(STAMPS)/test $(STAMPS)/cmake ## write what `dxdw selftest` compares with: by each compiler and instruction set here
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python native/digests/publish.py

test-random: $(STAMPS)/test $(STAMPS)/native ## run the tests whose examples are drawn, on new ones each time
	HYPOTHESIS_PROFILE=random $(BIN)/python -m pytest -m 'hypothesis and not peers and not dask and not slow and not install'

test-interrupts: $(STAMPS)/test $(STAMPS)/native ## interrupt 10,000 calls, and 200 problems of every kind: half an hour
	$(BIN)/python -m pytest -m slow tests/engines/test_native_interrupts.py

test-peers: $(STAMPS)/peers $(STAMPS)/native ## run the tests against PyTorch, JAX, autograd and PyLops
	$(BIN)/python -m pytest -m 'peers and not slow'

test-peers-long: $(STAMPS)/peers $(STAMPS)/native ## every way of PyTorch's with every kind of convolution, 10,000 random cases: half an hour
	$(BIN)/python -m pytest -m 'peers and slow'

test-dask: $(STAMPS)/dask $(STAMPS)/native ## run the tests on Dask arrays and on a cluster of two processes
	$(BIN)/python -m pytest -m 'dask and not slow'

test-dask-long: $(STAMPS)/dask $(STAMPS)/native ## dx and dW of 40,000 × 40,000 pixels: 20 GB of disk, some minutes
	$(BIN)/python -m pytest -m 'dask and slow'

test-install: $(STAMPS)/test $(STAMPS)/frozen $(STAMPS)/native $(STAMPS)/cmake ## build wheels with and without a compiler, install and try them
	$(BIN)/python -m pytest -m install

CHROMIUM ?= $(shell command -v chromium || command -v google-chrome)
test-lab: $(STAMPS)/page ## try the practice page in Chromium, which root installs
	[ -n "$(CHROMIUM)" ] || .ci/packages chromium
	cd lab && $(NODE) npm run --silent lint && CHROMIUM="$(CHROMIUM)" $(NODE) npm test

FIREFOX ?= $(shell command -v firefox-esr || command -v firefox)
test-lab-firefox: $(STAMPS)/page ## the same tests in Firefox, which root installs
	[ -n "$(FIREFOX)" ] || .ci/packages firefox-esr
	cd lab && BROWSER=firefox FIREFOX="$(FIREFOX)" $(NODE) npm test

test-lab-webkit: $(STAMPS)/page ## the heart of them in WebKitGTK, on a screen that nobody sees (Debian, Ubuntu)
	.ci/packages webkit2gtk-driver:WebKitWebDriver xvfb:xvfb-run xauth:xauth
	cd lab && $(NODE) xvfb-run --auto-servernum npm run test:webkit

test-all: test test-peers test-dask test-install test-lab ## run every group of tests

# tests/UNREACHED.md says why those are left that there are. A test that fails, as one of time may while
# every line is counted, leaves a figure all the same; the command fails after it.
coverage: $(STAMPS)/coverage $(STAMPS)/native ## run the tests, those of other libraries too, and say which lines none of them reaches
	$(BIN)/python -m coverage erase
	failed=0; \
	$(BIN)/python -m coverage run -m pytest $(SHARED) -m 'not peers and not dask and not slow and not install' || failed=1; \
	$(BIN)/python -m coverage run -m pytest -m '(peers or dask) and not slow' || failed=1; \
	$(BIN)/python -m coverage combine --quiet && \
	$(BIN)/python -m coverage xml --quiet && \
	$(BIN)/python -m coverage report && exit $$failed

# --- the kernels' own tests: CMake's presets in native/, the programs of native/tests -------------

# Where clang++ is. What is found lies in build/fuzz, and belongs into native/fuzz/corpus.
fuzz: $(STAMPS)/cmake ## run the fuzzer over the kernels' C interface for SECONDS=60, checked (ASan and UBSan)
	.ci/packages clang:clang++ libclang-rt-14-dev:clang++
	cd native && PATH="$(abspath $(BIN)):$$PATH" && cmake --preset fuzz && cmake --build --preset fuzz --target fuzz_plans
	mkdir -p build/fuzz/found
	cd build/fuzz && ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	  ./fuzz_plans -max_total_time=$(or $(SECONDS),60) -timeout=60 -rss_limit_mb=4096 found ../../native/fuzz/corpus

# Atheris is there for CPython on Linux. What is found lies in build/fuzz.
FUZZED := arguments model manifest program
fuzz-python: $(STAMPS)/test $(STAMPS)/native $(STAMPS)/fuzzing ## run it over arguments and files, SECONDS=60 for each kind
	mkdir -p $(FUZZED:%=build/fuzz/%)
	cd build/fuzz && $(foreach door,$(FUZZED),$(abspath $(BIN))/python ../../tests/fuzzing/python_doors.py $(door) \
	  $(door) -max_total_time=$(or $(SECONDS),60) -rss_limit_mb=4096 &&) true

test-native: PRESET := testing
test-native: $(STAMPS)/cmake ## run the test programs of the kernels
	$(native-tests)

test-aarch64: PRESET := aarch64
test-aarch64: $(STAMPS)/cmake ## the same for 64-bit ARM, cross-compiled, under qemu (Debian, Ubuntu)
	.ci/packages g++-aarch64-linux-gnu:aarch64-linux-gnu-g++ qemu-user:qemu-aarch64
	$(native-tests)

# PYTHON_TESTS: of the Python tests, those to run on a checked library, options of pytest included.
# NATIVE_TESTS: of the kernels' own programs, those whose names match.
PYTHON_TESTS ?= tests/package/test_install_library.py tests/engines
sanitize: PRESET := address
# The leaks of Python itself are many: there every test counts the kernels' own blocks (tests/conftest.py),
# and the programs of native/tests are looked at for all leaks.
sanitize: export ASAN_OPTIONS := detect_leaks=0
sanitize: export UBSAN_OPTIONS := print_stacktrace=1
sanitize: export PYTHONMALLOC := malloc
sanitize: PYTHON_SHARED = $(SHARED)
sanitize: $(STAMPS)/test $(STAMPS)/cmake ## test the kernels with reads and writes checked (ASan and UBSan)
	$(native-tests)
	$(call sanitized-pytest,asan ubsan)

PYTHON_THREAD_TESTS ?= $(wildcard tests/engines/*thread*.py) tests/call/test_hazards_concurrency.py
sanitize-threads: PRESET := thread
# Of a race, one side is ours: what NumPy's BLAS does among its own threads was not compiled to tell.
sanitize-threads: export TSAN_OPTIONS := ignore_noninstrumented_modules=1 halt_on_error=1 die_after_fork=0
sanitize-threads: export OPENBLAS_NUM_THREADS := 1
sanitize-threads: PYTHON_TESTS = $(PYTHON_THREAD_TESTS)
sanitize-threads: $(STAMPS)/test $(STAMPS)/cmake ## test the kernels with what threads share checked (TSan)
	$(native-tests)
	$(call sanitized-pytest,tsan)

define native-tests
cd native && PATH="$(abspath $(BIN)):$$PATH" && cmake --preset $(PRESET) && \
  cmake --build --preset $(PRESET) && ctest --preset $(PRESET) --parallel 2 $(NATIVE_TESTS:%=-R '%')
endef

# The program is Python, so the sanitizer's runtime has to be there before it: the compiler's own.
define sanitized-pytest
DXDW_LIBRARY=$(abspath build/$(PRESET))/libdxdw.so \
LD_PRELOAD="$(foreach name,$(1) stdc++,$(shell $(or $(CXX),c++) -print-file-name=lib$(name).so))" \
  $(BIN)/python -m pytest $(PYTHON_SHARED) -p no:cacheprovider --capture=sys \
    -m 'not peers and not dask and not slow and not install' $(PYTHON_TESTS)
endef

# --- the kernels in the browser: native/wasm ------------------------------------------------------

wasm: $(STAMPS)/wasm-wheel ## build dist/dxdw-*_wasm32.whl, with the kernels for Pyodide
	@ls -l dist/*_wasm32.whl

test-wasm: $(STAMPS)/test $(STAMPS)/numpy $(STAMPS)/pyodide wasm ## try it in Pyodide, under node: the kernels' own tests, and the bits of their results
	$(NODE) $(BIN)/python -m pytest native/wasm

bench-wasm: $(STAMPS)/numpy $(STAMPS)/pyodide wasm ## measure it beside NumPy in a page of Chromium
	.ci/packages chromium:chromium
	$(NODE) node native/wasm/page.mjs native/wasm/timing.py

# --------------------------------------------------------------------------------------------------

lint: TRACKED = $(shell git ls-files)
lint: $(STAMPS)/dev ## check style, formatting, types, docstrings, spelling, workflows and the repository itself
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@$(BIN)/codespell $(TRACKED)
	@$(BIN)/rumdl check --quiet $(filter %.md,$(TRACKED))
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/validate-pyproject pyproject.toml lab/pyproject.toml
	$(BIN)/repo-review --show err .
	$(BIN)/python -m pytest -q tests/package/test_types.py tests/package/test_docstrings.py

bench: $(STAMPS)/peers $(STAMPS)/native ## measure beside PyTorch, JAX and NumPy: about an hour
	$(BIN)/dxdw bench

bench-avx2: $(STAMPS)/peers $(STAMPS)/native ## the short measurement with both limited to AVX2, as many desktops are: 5 minutes
	DXDW_ISA=avx2 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 \
	  $(BIN)/dxdw bench --quick --peers torch --threads 1 2 --json build/measured-avx2.json

bench-choices: $(STAMPS)/base $(STAMPS)/native ## how good the choice of an engine is on this CPU: an hour, with ARGS=--quick ten minutes
	$(BIN)/dxdw bench --choices $(ARGS)

bench-dask: $(STAMPS)/dask $(STAMPS)/native ## measure Dask over the kernel alone, and two workers: 13 GB of memory
	$(BIN)/python -m dxdw.benchmark.dask_workers

bench-training: $(STAMPS)/peers $(STAMPS)/native ## measure training steps of whole networks beside PyTorch: a quarter of an hour
	$(BIN)/python -m dxdw.benchmark.training_steps

docs: $(STAMPS)/docs $(STAMPS)/native ## build the documentation, running its examples, and check its links
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	$(BIN)/python docs/check_links.py build/docs
	@echo 'build/docs/index.html'

wheel: $(STAMPS)/venv ## build dist/dxdw-*.whl
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	@ls -l dist

wheel-lab: $(STAMPS)/page ## build dist/dxdw_lab-*.whl, the practice page
	$(PIP) wheel --quiet --no-deps --wheel-dir dist ./lab
	@ls -l dist

clean: ## remove .venv and everything built or cached
	rm -rf $(VENV) dist build lab/node_modules native/wasm/node_modules src/dxdw/libdxdw.* src/dxdw/native_missing.txt \
	  .hypothesis .mypy_cache .pytest_cache .ruff_cache
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
$(STAMPS)/coverage $(STAMPS)/dask $(STAMPS)/docs: EXTRA := all,dask
$(STAMPS)/test $(STAMPS)/coverage $(STAMPS)/peers $(STAMPS)/dask $(STAMPS)/dev $(STAMPS)/docs: GROUP = $() --group $(@F)
# Editable in all of them, so that no command runs a stale copy that another one installed.
$(STAMPS)/train $(STAMPS)/test $(STAMPS)/coverage $(STAMPS)/peers $(STAMPS)/dask $(STAMPS)/dev $(STAMPS)/docs: pyproject.toml | $(STAMPS)/venv
	@echo 'installing dxdw[$(EXTRA)]$(GROUP) into $(VENV) ...'
	@$(PIP) install --quiet --editable '.[$(EXTRA)]'$(GROUP)
	@$(BIN)/dxdw --version
	@touch $@ $(STAMPS)/native

# Each of those builds the kernels too; this alone is for when a file of theirs has changed since.
KERNELS := $(wildcard native/*/*.cpp native/*/*.h native/CMakeLists.txt native/build_hook.py)
$(STAMPS)/native: pyproject.toml $(KERNELS) | $(STAMPS)/venv
	@echo 'building the native kernels ...'
	@$(PIP) install --quiet --no-deps --editable .
	@$(BIN)/dxdw --version
	@touch $@

# What freezes programs, and what fuzzes Python.
$(STAMPS)/frozen $(STAMPS)/fuzzing: pyproject.toml | $(STAMPS)/venv
	@$(PIP) install --quiet --group $(@F)
	@touch $@

# CMake and Ninja as the package index has them, for those builds that no installation makes.
$(STAMPS)/cmake: pyproject.toml | $(STAMPS)/venv
	@$(PIP) install --quiet --group cmake
	@touch $@

# --- the practice page, and what it shares with native/wasm ---------------------------------------

# Node.js as the system has it, or else as the package index does; its programs find Python here.
NODE = PATH="$(abspath $(BIN)):$$PATH" PYTHON="$(abspath $(BIN)/python)"

$(STAMPS)/node: pyproject.toml lab/package-lock.json | $(STAMPS)/venv
	@node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null || { \
	  echo 'installing Node.js into $(VENV) ...'; $(PIP) install --quiet --group node; }
	@echo 'installing the libraries of lab/package.json ...'
	@cd lab && $(NODE) npm ci --silent --no-audit --no-fund --ignore-scripts
	@ln -sfn ../../lab/node_modules native/wasm/node_modules
	@touch $@

$(STAMPS)/numpy: native/wasm/numpy_wheel.py $(STAMPS)/node
	@$(NODE) $(BIN)/python native/wasm/numpy_wheel.py
	@touch $@

# What makes the wheel for the browser: no compiler of the system's, Zig's.
$(STAMPS)/wasm: pyproject.toml | $(STAMPS)/venv
	@$(PIP) install --quiet --group wasm
	@touch $@

PACKAGE := $(shell find src/dxdw -type f -not -name '*.pyc' -not -name 'libdxdw.*')
$(STAMPS)/wasm-wheel: $(STAMPS)/wasm $(KERNELS) native/wasm/toolchain.cmake $(PACKAGE)
	@rm -f dist/dxdw-*_wasm32.whl
	PATH="$(abspath $(BIN)):$$PATH" CMAKE_TOOLCHAIN_FILE="$(abspath native/wasm/toolchain.cmake)" \
	  _PYTHON_HOST_PLATFORM=pyemscripten_2026_0_wasm32 DXDW_NATIVE=require \
	  $(BIN)/python -m hatchling build --target wheel
	@touch $@

# The pure-Python packages of the tests in Pyodide.
$(STAMPS)/pyodide: pyproject.toml | $(STAMPS)/venv
	@$(PIP) download --quiet --group pyodide --dest build/wasm --no-deps --only-binary :all: \
	  --python-version 3.14 --implementation py --abi none --platform any
	@touch $@

$(STAMPS)/base: pyproject.toml | $(STAMPS)/venv
	@$(PIP) install --quiet --editable .
	@touch $@

PAGE := $(wildcard lab/*.json lab/*.mjs lab/building/*.mjs) $(shell find lab/src -type f)
$(STAMPS)/page: $(STAMPS)/node $(STAMPS)/numpy $(STAMPS)/wasm-wheel $(STAMPS)/base $(PAGE)
	@cd lab && $(NODE) npm run --silent build
	@touch $@
