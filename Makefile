# Everything runs in .venv, a virtual environment inside this folder; nothing is installed outside it, but for two
# programs that root gets from Debian's archive when they are missing: a C++ compiler, and Chromium for the tests.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo test lint format clean

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
DEMO_CLIP := benchmarks/demo/clips/speech_en_f.flac
DEMO := runs/demo
ONE := runs/one_clip

# The first Python that will do; choose another with `make PYTHON=... setup`.
PYTHON = $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	command -v $$name; break; fi; done)

# $(call install_program,PROGRAMS,PACKAGE): succeeds when one of the programs runs, or root could install it.
install_program = has_one() { for name in $(1); do "$$name" --version >/dev/null 2>&1 && return; done; return 1; }; \
	as_root() { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; }; \
	install() { echo "Installing $(2) with apt-get ..."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(2) >/dev/null; }; \
	has_one || { as_root && install && has_one; }

help: ## Show this help
	@echo "FlowMAC. Usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## Install FlowMAC with sweeps, reports and training into .venv (a few minutes, once)
	@echo "Ready: $(BIN)/flowmac --help"

demo: $(VENV)/ready ## Code real files, compare codecs, write a page to read and listen to (under 10 minutes)
	@mkdir -p $(ONE)
	@echo "1/3  One clip to 3 kbit/s and back ..."
	$(BIN)/flowmac encode $(DEMO_CLIP) $(ONE)/speech_en_f.fmac --kbps 3 --force
	$(BIN)/flowmac info $(ONE)/speech_en_f.fmac
	$(BIN)/flowmac decode $(ONE)/speech_en_f.fmac $(ONE)/speech_en_f.wav --force
	@echo "2/3  FlowMAC, Opus and anchors over the demo clips: up to 10 minutes on two cores; run again, it goes on ..."
	$(BIN)/flowmac sweep demo -o $(DEMO)
	@echo "3/3  The report ..."
	$(BIN)/flowmac report $(DEMO) -o $(DEMO)/report.html --force
	@echo "Done. Open in a browser: $(CURDIR)/$(DEMO)/report.html"

test: lint ## Lint, check types and import rules, and run all tests (about 10 minutes)
	@$(call install_program,chromium chromium-browser google-chrome,chromium) || \
		echo "Notice: no Chromium here and none could be installed; tests that drive a browser are skipped."
	@echo "Tests ..."
	$(BIN)/python -m pytest --numprocesses 2

lint: $(VENV)/ready-dev ## Check style, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/ready-dev ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove .venv, caches and build output; results in runs/ stay
	rm -rf $(VENV) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find flowmac benchmarks reports tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Error: no Python 3.11 or newer with venv and ensurepip was found." \
		"On Debian: apt install python3-venv; or name one: make PYTHON=/path/to/python3 setup"; exit 1; } >&2
	@echo "Making the virtual environment $(VENV) with $(PYTHON) ..."
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/ready: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install_program,c++ g++ clang++,g++) || { echo "Error: ViSQOL needs a C++ compiler to be installed." \
		"On Debian: apt install g++"; exit 1; } >&2
	@echo "Installing PyTorch (1 to 5 minutes; up to some GB where a build for GPUs is chosen) ..."
	@$(PIP_INSTALL) torch
	@echo "Installing FlowMAC with sweeps, reports and training (1 to 3 minutes) ..."
	@$(PIP_INSTALL) --editable '.[all]'
	@echo "Compiling PESQ (half a minute) ..."
	@$(PIP_INSTALL) --editable '.[pesq]' || echo "Notice: PESQ could not be compiled (it needs a C compiler and Python's" \
		"headers); everything else works, and reports say that PESQ is not installed."
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo "Installing the tools for tests (1 minute) ..."
	@$(PIP_INSTALL) --editable '.[all,dev]'
	@touch $@
