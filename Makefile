# A fresh machine needs Python 3.11 or newer and make; everything else comes from requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EMULATORS := $(VENV)/emulators/.ready
FLAGS ?=
SEEDS ?= 20000
SECONDS ?= 600
CONNECTORS := s3 obs azure google aliyun tencent
LOCKED := --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet

.DEFAULT_GOAL := help
.PHONY: help venv demo test check conformance fuzz sim sim-mutations trust bench chaos scale lock clean

help:  ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY)  ## The virtual environment with everything that is locked.

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat --editable .
	@touch $@

$(EMULATORS): $(READY) tests/emulators/package-lock.json
	$(BIN)/python -m tests.emulators
	@touch $@

demo: $(READY)  ## Migrates real files between two local stores through the API and compares them.
	$(BIN)/python -m tests.demo

# What stops the time goes alone, the rest side by side, the longest first (tests/conftest.py).
ALONE := $(addprefix tests/,e2e/test_promptness.py e2e/test_listing_load.py e2e/test_stopped_workers.py chaos scale)

test: $(READY) $(EMULATORS)  ## Every test.
	$(BIN)/python -m pytest tests $(ALONE:%=--ignore=%) --numprocesses 2 --dist loadfile --no-loadscope-reorder $(FLAGS)
	$(BIN)/python -m pytest $(ALONE) $(FLAGS)

check: $(READY)  ## Style, types, layers and the fast tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit tests/deploy/test_house.py $(FLAGS)

conformance: $(READY) $(EMULATORS)  ## Every connector against every promise.
	$(BIN)/python -m pytest tests/conformance $(FLAGS)

fuzz: $(READY)  ## Over 20,000 generated requests against the API.
	$(BIN)/python -m tests.fuzz

sim: $(READY)  ## SEEDS simulated worlds of the transfer protocol, with all that can go wrong (20,000).
	$(BIN)/python -m tests.sim --seeds $(SEEDS) $(FLAGS)

sim-mutations: $(READY)  ## Bugs planted in the product, and how soon the simulator notices each.
	$(BIN)/python -m tests.sim.mutate $(FLAGS)

trust: $(READY)  ## Each promise's mechanism taken out in a copy, and whether its test notices (trust.json, docs/trust.md).
	$(BIN)/python -m tests.trust $(FLAGS)

bench: $(READY)  ## The product beside rclone and bare loops, on the same stores.
	$(BIN)/python -m bench --page docs/performance.md $(FLAGS)

chaos: $(READY)  ## Faults on real processes for SECONDS (600), checked by a program of its own.
	$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(FLAGS)

scale: $(READY)  ## An object of 64 GiB, killed 20 times, 10 million keys, alone and in a group: memory, parts sent again, tables.
	$(BIN)/python -m tests.scale $(FLAGS)

lock: $(READY)  ## Writes requirements.lock anew from pyproject.toml.
	$(BIN)/uv pip compile pyproject.toml deploy/tools.in --all-extras --universal --python-version 3.11 \
		$(LOCKED) --upgrade --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml deploy/tools.in $(CONNECTORS:%=--extra %) --constraints requirements.lock --no-emit-package uv \
		--universal --python-version 3.11 $(LOCKED) --output-file deploy/requirements.lock

clean:  ## Removes the environment, caches and the demo's stores.
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info engine/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
