# The verbs of this project; `make` alone lists them. ARGS is passed on: make demo ARGS=--fresh

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMPS := $(VENV)/.stamps

# uv installs in seconds, pip does the same where uv has no build or cannot reach what pip is configured for.
INSTALL = install() { \
	  if [ -x $(UV) ] && VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --compile-bytecode "$$@"; then return 0; fi; \
	  echo "uv could not install; trying the same with pip"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$@"; \
	}; install

NPM := $(BIN)/python hatch_build.py npm

.PHONY: up demo test check check-python check-dashboard dashboard dashboard-types chaos conformance bench lock install clean help

up: $(STAMPS)/project $(STAMPS)/dashboard ## run everything: database, scheduler, API, until Ctrl-C
	@exec $(BIN)/observatory up $(ARGS)

demo: $(STAMPS)/project $(STAMPS)/dashboard ## the same against a simulated CI system, in a folder of its own
	@exec $(BIN)/observatory demo $(ARGS)

test: $(STAMPS)/dev $(STAMPS)/dashboard ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(STAMPS)/dev $(STAMPS)/dashboard $(STAMPS)/types ## everything CI checks: ruff, mypy, import-linter, the dashboard's own, the tests
	@$(MAKE) --jobs=2 --output-sync check-python check-dashboard
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

check-python: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check-dashboard: $(STAMPS)/types
	$(NPM) run check
	$(NPM) --prefix scripts run check

dashboard: $(STAMPS)/runtime ## build the dashboard where its sources changed; `make up` does it by itself
	@OBSERVATORY_REQUIRE_DASHBOARD=1 $(BIN)/python hatch_build.py

dashboard-types: $(STAMPS)/dev $(STAMPS)/types ## write the dashboard's types anew from what the API says of itself
	@$(BIN)/python dashboard/scripts/write_openapi.py
	@$(NPM) --prefix scripts run generate

chaos: $(STAMPS)/dev ## break everything on purpose and see what holds (SEED=7; ARGS="F01 F32", --smoke, --teeth)
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),7) $(ARGS)

conformance: $(STAMPS)/dev ## how we read what was recorded from the providers (OBSERVATORY_RECORDED says where)
	@$(BIN)/python -m tests.conformance $(ARGS)

bench: $(STAMPS)/dev ## print the figures
	@$(BIN)/python -m benchmarks $(ARGS)

install: $(STAMPS)/project $(STAMPS)/dashboard ## install into .venv, from requirements.lock

lock: $(STAMPS)/uv ## pin anew what pyproject.toml asks for (ARGS=--upgrade for newer releases)
	echo "uv>=0.9,<1" | $(COMPILE) - -o requirements-bootstrap.lock
	$(COMPILE) --extra embedded --group build pyproject.toml -o requirements.lock
	$(COMPILE) --all-extras --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(ARGS)

clean: ## remove .venv, caches and the built dashboard; never config.toml, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	rm -rf api/static/app dashboard/node_modules dashboard/scripts/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@echo "Build Observatory"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r verb words; do \
	  printf '%-22s %s\n' "$$verb" "$$words"; done

# Each stamp says that a step was done for the present lock files, so that a second run has nothing to do.

$(STAMPS)/uv: requirements-bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Build Observatory needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1 || true)."; \
	  echo "Install a newer one, or name it: make PYTHON=python3.12 up"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "This Python cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: -r requirements-bootstrap.lock \
	  || echo "There is no uv for this platform; pip does its work, more slowly."
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/uv requirements.lock
	@echo "installing into $(VENV)"
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

# The dashboard has a step of its own: what an installer's build says, nobody sees.
$(STAMPS)/project: $(STAMPS)/runtime pyproject.toml
	@export OBSERVATORY_SKIP_DASHBOARD=1; $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/dashboard: $(STAMPS)/runtime $(shell find dashboard/*.* dashboard/src dashboard/public)
	@$(BIN)/python hatch_build.py
	@touch $@

# The generator of types needs an older TypeScript than the dashboard, so it has a folder of its own.
$(STAMPS)/types: $(STAMPS)/runtime dashboard/scripts/package-lock.json
	@$(NPM) --prefix scripts ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(STAMPS)/dev: $(STAMPS)/project requirements-dev.lock
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
