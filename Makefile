# Every target installs first when that is due: what is needed is in the locks, nothing is assumed but Python >= 3.11.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
CHROMIUM := apt-get install -y -qq --no-install-recommends chromium

.DEFAULT_GOAL := help
.PHONY: help install demo serve test test-clients browser screens stories check bench bench-engine fuzz simulate kill format reference wheel test-wheel

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## the virtual environment .venv with everything, and the command .venv/bin/provisor

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Provisor needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@echo "Installing what the lock says into .venv: some minutes."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## the page, end to end, on a data folder of its own (KEEP=1 leaves it running)
	@KEEP=$(KEEP) $(BIN)/python -m demo

serve: $(STAMP) ## the server with the default data folder
	@$(BIN)/provisor serve

STORIES := tests/browser/test_the_page.py tests/browser/test_the_page_by_commands.py

screens: $(STAMP) browser ## docs/stories and docs/screens, recorded anew by the tests that follow the page
	@SCREENS=1 $(BIN)/python -m pytest $(STORIES)

stories: $(STAMP) browser ## docs/stories alone: the pictures stay
	@STORIES=1 $(BIN)/python -m pytest $(STORIES)

test: $(STAMP) browser ## every test
	@$(BIN)/python -m pytest

test-clients: .venv-clients/installed tests/clients/node_modules/installed ## Microsoft's libraries, and npm's oidc-provider and openid-client, each as they are shipped (RECORD=1 records)
	@.venv-clients/bin/python -m pytest tests/clients

.venv-clients/installed: requirements-clients.lock pyproject.toml
	@test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	.venv-clients/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-clients.lock
	.venv-clients/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tests/clients/node_modules/installed: tests/clients/package-lock.json
	@command -v npm > /dev/null || { echo "There is no npm: the tests with oidc-provider and openid-client are skipped."; exit 0; }; \
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/installed

browser: ## Debian's Chromium for the tests in a browser, where apt may install it
	@test -x /usr/bin/chromium || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && { $(CHROMIUM) || { apt-get update -qq && $(CHROMIUM); }; } > /dev/null 2>&1; } \
	|| echo "There is no /usr/bin/chromium and it cannot be installed here: the tests in a browser are skipped."

check: $(STAMP) ## format, lint, strict types, import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "Run make format."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > .venv/imports.txt || { cat .venv/imports.txt; exit 1; }
	@echo "check: format, lint, types and import contracts hold"

CASES ?= 100000
SEED ?= 1

fuzz: $(STAMP) ## CASES (100000) damaged SCIM requests in process, made from SEED (1), each answer examined
	@$(BIN)/python -m tests.fuzz $(CASES) $(SEED)

SEEDS ?= 100000
FIRST ?= 0

simulate: $(STAMP) ## the engine with SEEDS (100000) histories and faults from seed FIRST (0) on; SEEDS=1 tells a story
	@$(BIN)/python -m tests.simulation $(SEEDS) $(FIRST)

KILLS ?= 200

kill: $(STAMP) ## KILLS (200) cycles hit by kill -9, then PostgreSQL restarted under load, from SEED (1)
	@$(BIN)/python -m tests.kill $(KILLS) $(SEED)

bench: $(STAMP) ## what things cost, against a floor in the same run
	@$(BIN)/python -m tests.bench

SCALE ?= S G

bench-engine: $(STAMP) ## cycles of SCALE ("S G"; also M, L), against the same requests from a bare client; PROFILE=1 profiles
	@$(BIN)/python -m tests.bench.engine $(SCALE) $(if $(PROFILE),--profile)

format: $(STAMP)
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

reference: $(STAMP) ## the pages that are written from the code: commands, man page, functions, routes
	@for page in command_reference man_page expression_reference graph_routes; do $(BIN)/python tests/house/$$page.py || exit 1; done

# The same commit makes the same bytes, whenever and wherever.
export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2> /dev/null),1580601600)

wheel: $(STAMP) ## dist/provisor-….whl with all that the program needs; the same commit gives the same bytes
	@rm -f dist/provisor-*.whl
	@$(BIN)/python -m hatchling build -t wheel

test-wheel: $(STAMP) ## the wheel in a virtual environment of its own, with the locked requirements and nothing of this folder
	@WHEEL_ALONE=1 $(BIN)/python -m pytest tests/acceptance/test_wheel.py
