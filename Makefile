# Pillarbox: "make demo" shows it on this machine, "make test" proves it, "make check" reads the code.
# Needed before: python3 (3.11 or newer) with venv, and make:  sudo apt-get install -y make python3-venv

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
# Passed on to "pillarbox demo" or pytest: make demo ARGS="--letters 3 --exit"
ARGS ?=
# Processes that run tests: one more than there are cores, for many tests wait.
TESTERS ?= $(shell "$(PYTHON)" -c 'import os; print(os.cpu_count() + 1)')

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-mysql check

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

setup: $(VENV)/.installed-with-dev ## make .venv and fetch everything that demo, test and check need
	$(BIN)/pillarbox setup --for-tests

demo: $(VENV)/.installed ## run the whole of Pillarbox here with a virtual mailbox; ARGS="..." goes to it
	$(BIN)/pillarbox setup
	$(BIN)/pillarbox demo $(ARGS)

test: setup ## run every test; ARGS="..." goes to pytest
	$(BIN)/pytest --numprocesses $(TESTERS) --dist worksteal $(ARGS)

test-mysql: setup ## what runs on MariaDB once more on Oracle's MySQL, which comes from Debian's unstable
	PILLARBOX_TEST_ON_MYSQL=1 $(BIN)/pytest --numprocesses $(TESTERS) --dist worksteal -k "mariadb or mysql" $(ARGS)

check: $(VENV)/.installed-with-dev ## style, types, imports, dependencies, dead code, firmware and its charge
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture
	$(BIN)/python -m tools.check.firmware
	$(BIN)/python -m tools.check.charge

# Installed anew only when pyproject.toml changes; the code itself is used in place.
$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	@echo "installing the Python packages of pyproject.toml into $(VENV); some minutes the first time"
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-with-dev: pyproject.toml | $(BIN)/pip
	@echo "installing the Python packages of pyproject.toml into $(VENV); some minutes the first time"
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.installed $@

# pip is the last file that venv writes, so a half-made environment is completed.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or newer, got none; install one and run make again" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "expected the venv module of $(PYTHON), got none; run: sudo apt-get install -y python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
