# `make lab` tries it, `make test` proves it, `make help` names the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8888
ARGS ?=

VENV := .venv
REPORTS := build/reports
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1
# The tests start thousands of processes: none of them need compile what an earlier one has.
export PYTHONDONTWRITEBYTECODE :=

# Yarn reads no .npmrc: hand it what npm was told on this machine.
JLPM = YARN_NPM_REGISTRY_SERVER="$${YARN_NPM_REGISTRY_SERVER:-$$(npm config get registry 2>/dev/null)}" jlpm

ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
FRONT_SOURCES := package.json $(shell find labextension -type f \
	-not -path 'labextension/lib/*' -not -name '*.tsbuildinfo')
FRONT := jupyter_transfer/labextension/package.json

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

# ---- setting up ---------------------------------------------------------------------------------

$(VENV)/bin/python:
	scripts/machine venv "$(PYTHON)"
	"$(PYTHON)" -m venv $(VENV)

# The front end has rules of its own below, so pip does not build it a second time.
$(VENV)/.lab: pyproject.toml | $(VENV)/bin/python
	SKIP_JUPYTER_BUILDER=1 python -m pip install --quiet --editable '.[lab,build]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	SKIP_JUPYTER_BUILDER=1 python -m pip install --quiet --editable '.[lab,zh,build,test,lint]'
	touch $(VENV)/.lab $@

node_modules/.installed: package.json yarn.lock .yarnrc.yml | $(VENV)/.lab
	scripts/machine node
	$(JLPM) install --immutable
	touch $@

ui-tests/node_modules/.installed: ui-tests/package.json ui-tests/yarn.lock | $(VENV)/.lab
	scripts/machine node
	cd ui-tests && $(JLPM) install --immutable
	touch $@

$(FRONT): $(FRONT_SOURCES) node_modules/.installed
	$(JLPM) build
	touch $@

# JupyterLab reads the front end from the checkout, not from the copy that pip made.
$(VENV)/.linked: $(VENV)/.lab | $(FRONT)
	jupyter-builder develop --overwrite .
	touch $@

.PHONY: install
install: $(VENV)/.lab $(FRONT) $(VENV)/.linked ## everything that `make lab` needs

.PHONY: install-dev
install-dev: $(VENV)/.dev install ui-tests/node_modules/.installed ## everything that `make test` needs
	scripts/machine test

# ---- trying it ----------------------------------------------------------------------------------

.PHONY: lab
lab: install ## JupyterLab with the panel on a demo folder (PORT=8888, ARGS="--no-browser")
	python scripts/demo.py demo $(VENV)/workspaces
	exec jupyter lab --config=scripts/jupyter_lab_config.py $(ROOT_FLAG) --port=$(PORT) $(ARGS)

# ---- proving it ---------------------------------------------------------------------------------

.PHONY: test
test: install-dev ## all checks: lint, types, jest, browser tests, pytest
	python scripts/stages.py lint types jest ui-tests pytest

.PHONY: lint
lint: $(VENV)/.dev node_modules/.installed ## ruff, stylelint, prettier, eslint
	ruff check .
	ruff format --check .
	$(JLPM) lint:check
	node_modules/.bin/prettier --check 'ui-tests/**/*.{ts,js,json}' '*.md' 'docs/*.md'

.PHONY: format
format: $(VENV)/.dev node_modules/.installed ## let ruff, stylelint, prettier and eslint mend what they can
	ruff check --fix .
	ruff format .
	$(JLPM) lint
	node_modules/.bin/prettier --write 'ui-tests/**/*.{ts,js,json}' '*.md' 'docs/*.md'

.PHONY: types
types: $(VENV)/.dev node_modules/.installed ui-tests/node_modules/.installed ## mypy --strict, tsc
	mypy
	$(JLPM) tsc -p labextension/tsconfig.test.json
	cd ui-tests && $(JLPM) tsc

.PHONY: pytest
pytest: $(VENV)/.dev $(FRONT) $(VENV)/.linked ## the Python tests (ARGS="-k upload")
	scripts/machine test
	mkdir -p $(REPORTS)
	python -m pytest $(if $(ARGS),,-n 5 --dist worksteal) --junitxml=$(REPORTS)/pytest.xml $(ARGS)

.PHONY: jest
jest: node_modules/.installed ## the front end's unit tests
	mkdir -p $(REPORTS)
	$(JLPM) test --json --outputFile=$(CURDIR)/$(REPORTS)/jest.json $(ARGS)

.PHONY: ui-tests
ui-tests: $(VENV)/.dev $(FRONT) $(VENV)/.linked ui-tests/node_modules/.installed ## JupyterLab in a real browser (ARGS="crash.spec.ts")
	scripts/machine test
	mkdir -p $(REPORTS)
	cd ui-tests && PLAYWRIGHT_JSON_OUTPUT_FILE=$(CURDIR)/$(REPORTS)/ui-tests.json \
		$(JLPM) playwright test $(ARGS)

.PHONY: pictures
pictures: ## take the pictures of the README anew
	$(MAKE) ui-tests ARGS=pictures
	cp ui-tests/screenshots/panel.png ui-tests/screenshots/panel-dark.png \
		ui-tests/screenshots/panel-zh.png docs/

.PHONY: soak
soak: $(VENV)/.dev $(FRONT) $(VENV)/.linked ## long loops of faults
	python -m pytest -m soak --timeout=3600 $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev $(FRONT) $(VENV)/.linked ## the measurements of docs/benchmarks.md (minutes to hours)
	scripts/machine bench
	python -m pip install --quiet 'jupyter-archive>=3.5'
	python -m benchmarks $(ARGS)

# ---- giving it away -----------------------------------------------------------------------------

.PHONY: wheel
wheel: $(VENV)/.dev node_modules/.installed ## sdist and wheel with the front end inside, in dist/
	rm -rf dist jupyter_transfer/labextension
	python -m build

.PHONY: clean
clean: ## remove everything that was made here
	rm -rf $(VENV) build dist demo node_modules ui-tests/node_modules .yarn ui-tests/.yarn \
		labextension/lib labextension/tsconfig.tsbuildinfo jupyter_transfer/labextension \
		jupyter_transfer/_version.py ui-tests/test-results ui-tests/playwright-report \
		.pytest_cache .mypy_cache .ruff_cache .eslintcache .stylelintcache
