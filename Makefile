# Everything a newcomer types. `make help` lists it.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
GROUND := pyproject.toml setup.py constraints.txt
PEERS := $(patsubst %/package.json,%/node_modules/.installed,$(wildcard tests/interop/*/package.json))
ifeq ($(shell command -v npm 2>/dev/null),)
PEERS :=
endif

# The real video models need torch, gigabytes of it: continuous integration always has it, everybody else says GPU=1 once.
GPU_STAMP := $(if $(GPU)$(filter 1,$(FEDISORA_REQUIRE_ALL)),$(VENV)/.gpu)

.DEFAULT_GOAL := help
.PHONY: help run test lint bench docs constraints clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(VENV)/.run ## Install what is needed and serve on http://localhost:8000 (ARGS="--host 0.0.0.0" for options)
	@exec $(BIN)/fedisora serve $(ARGS)

test: $(VENV)/.test $(GPU_STAMP) $(PEERS) ## Install what tests need and run all of them (ARGS="-k name" for some, GPU=1 with torch)
	@$(BIN)/python -m tests.support.browser || true
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.architecture.imports

bench: $(VENV)/.test ## Benchmarks, as commands that print figures (ARGS="name" for one)
	$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.docs ## The documentation as HTML in build/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "build/docs/index.html"

constraints: $(VENV)/.test $(VENV)/.gpu $(VENV)/.docs ## Write constraints.txt from what is installed
	@{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --all --exclude-editable \
	| sed 's/+cpu$$//' | grep -E '^[A-Za-z0-9_.-]+==[^ ]+$$' | grep -viE '^(pip|fedisora)=='; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## Remove what was built (not the data folder)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/interop/*/node_modules

# What is compiled here need not be at the first start, nor at each one where Python may not write (half a second).
# The stamps below are newer than what they were made from, so a second `make run` starts at once.
$(BIN)/pip:
	@found=; for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "Fedisora needs Python 3.11 or newer; install it, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments; install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; \
	  exit 1; fi; \
	echo "Making $(VENV) with $$found …"; "$$found" -m venv $(VENV)

$(VENV)/.run: $(GROUND) | $(BIN)/pip
	@echo "Installing (once) …"
	@$(INSTALL) --editable .
	@$(BIN)/python -m compileall -q fedisora workers extensions migrations
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Installing what tests need (once) …"
	@$(INSTALL) --editable '.[test]'
	@touch $@

$(VENV)/.gpu: $(VENV)/.test
	@echo "Installing torch and diffusers (once) …"
	@$(INSTALL) --editable '.[gpu]'
	@touch $@

$(VENV)/.docs: $(VENV)/.run
	@$(INSTALL) --editable '.[docs]'
	@touch $@

tests/interop/%/node_modules/.installed: tests/interop/%/package.json
	cd $(<D) && npm $(if $(wildcard $(<D)/package-lock.json),ci,install) --no-audit --no-fund --loglevel=error
	@touch $@
