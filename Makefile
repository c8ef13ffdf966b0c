# pophub: `make help` lists the commands. ARGS is handed on: make demo ARGS="--once --json"
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo up down check test browser servers bench bench-long pictures faults fuzz
MAKEFLAGS += --no-print-directory

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN = $(UV) run --no-sync
STAMP := .venv/.setup-done
ARGS ?=
WORKERS ?= 2
export POPHUB_STARTED := $(shell date +%s)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything, locked; uv too where it is missing

demo: $(STAMP) ## simulate agencies, run all gates, print the report (ARGS="--once --json --scale 10")
	@$(RUN) pophub demo $(ARGS)

up: $(STAMP) ## start the hub with the data of the last demo
	@$(RUN) pophub up $(ARGS)

down: $(STAMP) ## end the hub, also after a crash
	@$(RUN) pophub down $(ARGS)

check: $(STAMP) ## style, types, import directions, generated pages: what CI runs before the tests
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) pophub docs --check

test: $(STAMP) ## all tests, on real servers, each of two workers has its own (ARGS="tests/unit -k name")
	@$(RUN) pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

browser: $(STAMP) ## bring what tests in a real browser take: playwright, and Chromium where root may install it
	@$(UV) sync --frozen --inexact --group browser >&2
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends chromium; } >&2 \
	  || { echo "install Chromium as your system does it: tests look for chromium, chromium-browser, google-chrome" >&2; exit 1; }

servers: $(STAMP) ## bring the foreign servers that tests read from: Debezium, Apicurio, and MariaDB where root may install it
	@$(RUN) python -m benchmarks.connect >&2
	@$(RUN) python -m benchmarks.registry >&2
	@command -v mariadb-install-db >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends mariadb-server; } >&2 \
	  || { echo "install MariaDB as your system does it: tests look for mariadbd and mariadb-install-db" >&2; exit 1; }

pictures: browser ## the pages of the hub that `make demo` left up, as pictures for README and docs
	@$(RUN) python -m tests.pictures $(ARGS)

faults: $(STAMP) ## inject every fault of the matrix on real servers, under 30 minutes (ARGS="--rows 6,7 --seeds 1")
	@$(RUN) python -m tests.faults $(ARGS)

fuzz: $(STAMP) ## coverage-guided fuzzing of what strangers send (ARGS="--seconds 60")
	@$(UV) sync --frozen --inexact --group fuzz >&2
	@$(RUN) python tests/fuzz/run.py $(ARGS)

bench: $(STAMP) ## speed beside dlt, a way by hand and Debezium, latency, cost of each step and of growth (ARGS="--rounds 1 --peers dlt")
	@$(UV) sync --frozen --compile-bytecode --group bench >&2
	@$(RUN) python -m benchmarks $(if $(ARGS),$(ARGS),--all)

bench-long: $(STAMP) ## replay, deep reconcile, verify, growth; no time limit (ARGS="--only verify --ledger 1000000")
	@$(RUN) python -m benchmarks.long $(ARGS)

# Everything said here goes to standard error: standard output belongs to the command that follows.
$(STAMP): pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@echo "setup: installing the locked packages" >&2
	@$(UV) sync --frozen --compile-bytecode >&2
	@touch $@

# A private uv; linked to where a shell finds it, so that `uv run pophub ...` works afterwards.
.tools/bin/uv:
	@echo "setup: installing uv into .tools" >&2
	@python3 -m venv .tools >&2 && echo '*' > .tools/.gitignore
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv >&2
	@if [ "$$(id -u)" = 0 ]; then bin=/usr/local/bin; else bin="$$HOME/.local/bin"; fi; \
	if mkdir -p "$$bin" 2>/dev/null && ln -sf "$(CURDIR)/.tools/bin/uv" "$$bin/uv" 2>/dev/null; \
	then echo "setup: uv is linked into $$bin" >&2; \
	else echo "setup: add $(CURDIR)/.tools/bin to PATH to call uv by name" >&2; fi
