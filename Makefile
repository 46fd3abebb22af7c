# One command runs Segscope: `make run`. One tests it: `make test`. `make help` lists the others.
# Nothing is needed but make and Python 3.11, 3.12 or 3.13. Override with PYTHON=python3.12 or VENV=/path/to/venv.

VENV ?= .venv
PYTHON ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 --quiet

.DEFAULT_GOAL := help
.PHONY: help run install install-dev test check lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: install ## install what is missing and start everything; Ctrl-C stops it
	@exec $(BIN)/segscope up

install: $(VENV)/.installed ## only install, from the lock file

install-dev: $(VENV)/.installed-dev ## install what tests and checks need as well

test: install-dev ## run all tests with coverage (PYTEST_ARGS="-k name" chooses)
	@$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

check: install-dev ## lint, format, types and the contracts between rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: install-dev ## write both lock files anew; versions that still fit are kept
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove the environment and what tests and checks left; data stays
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	rm -rf .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

# A stamp is written last, so that an interrupted installation starts over and a complete one costs nothing.
# The lock files name every package, so pip has nothing to resolve: with --no-deps a release made after the lock
# cannot enter through an extra (pip looks at `coverage[toml]` apart from the locked `coverage`).
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes some minutes (TensorFlow is large)."
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the development tools into $(VENV)."
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
			"$$python" -m venv "$(VENV)" && exit 0; \
			rm -f "$(BIN)/python"; \
			echo "make: $$python cannot create $(VENV); on Debian and Ubuntu install python3-venv." >&2; exit 1; \
		fi; \
	done; \
	echo "make: Segscope needs Python 3.11, 3.12 or 3.13, found none ($(or $(PYTHON),$$(python3 --version 2>&1 || echo no python3)));" \
		"name one with: make run PYTHON=/path/to/python3.12" >&2; exit 1
