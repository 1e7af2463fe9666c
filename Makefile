# Two commands for a newcomer: `make run` and `make test`. Everything else serves those who work on it.
# The machine's python3. Version managers mostly compile theirs without profile-guided optimisation, which is a quarter
# slower: then the system's own, if it is new enough and can make an environment.
PYTHON ?= $(shell python3 -c 'import sysconfig; exit("--enable-optimizations" in sysconfig.get_config_var("CONFIG_ARGS"))' \
  && /usr/bin/python3 -c 'import ensurepip, sqlite3, ssl, sys, venv; exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo /usr/bin/python3 || echo python3)
BIN := .venv/bin
# In two processes, a file of tests in one of them: most of them wait more than they work.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: setup run test test-nightly check lock bench

# A stamp file per lock: installing again is skipped until the lock changes.
.venv/runtime.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Pronghorn needs Python 3.11 or newer; say which: make run PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "Could not make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing what Pronghorn needs into .venv ..."
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/runtime.stamp requirements-dev.lock
	@echo "Installing the test tools into .venv ..."
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

setup: .venv/dev.stamp

run: .venv/runtime.stamp
	@exec $(BIN)/pronghorn up $(ARGS)

test: setup
	$(PYTEST) $(ARGS)

test-nightly: setup
	$(BIN)/pytest -m nightly --timeout=0 $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q tests/unit

# Renews both lock files from pyproject.toml: hashes for every platform, no index address.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --output-file requirements.lock pyproject.toml requirements-build.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml requirements-build.in

bench: setup
	$(BIN)/python -m bench $(ARGS)
