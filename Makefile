# Everything is installed into .venv from requirements.lock (exact versions, hashes); data lies in data/.
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.8
PIP_AUDIT_VERSION := 2.10.1
UV = $(shell command -v uv || echo .uv/bin/uv)
# A worker takes a module whole, since what a module shares is costly to make.
SIDE_BY_SIDE := -n auto --dist loadscope --no-loadscope-reorder
SQL := dbt_project/models dbt_project/tests dbt_project/macros dbt_project/analyses

# Compiled modules lie beside the environment, not in the tree: every command here is a process that
# imports much, and compiling that each time took half of its start.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache
export DO_NOT_TRACK := 1
export UV_PYTHON_DOWNLOADS := never
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: help setup demo up test test-browser chromium chaos life lint docs benchmark audit lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Prepare .venv; can be repeated

demo: $(READY) ## Sync a local sandbox through the real DAGs, publish, print what came out
	@$(BIN)/headwater demo

up: $(READY) ## Start Airflow with the DAGs, pools and settings in place
	@$(BIN)/headwater up

test: $(READY) ## Run every test but those below; no network beyond loopback
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m 'not chaos and not browser and not life' --durations=15

test-browser: $(READY) chromium ## Use Airflow's UI with headless Chromium: our pages, a backfill
	@$(BIN)/pytest -m browser tests/include/test_airflow_plugin.py tests/end_to_end/test_backfill.py

chaos: export HEADWATER_CHAOS_TABLE := data/chaos.md
chaos: $(READY) ## Run the whole fault matrix; writes data/chaos.md (many minutes)
	@rm -f $(HEADWATER_CHAOS_TABLE)
	@$(BIN)/pytest -n auto tests/end_to_end/test_chaos.py tests/dbt_project/test_incremental.py; \
		status=$$?; $(BIN)/pytest -m chaos tests/end_to_end/test_whole_path.py && exit $$status

life: $(READY) ## Live HEADWATER_LIFE_MINUTES (60) with changing sources under Airflow; data/life.md
	@$(BIN)/pytest -s -m life tests/end_to_end/test_life.py

lint: $(READY) ## Check style, types, SQL, and that dbt parses
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --nocolor $(wildcard $(SQL))
	@HEADWATER_WAREHOUSE=:memory: $(BIN)/dbt --quiet parse --project-dir dbt_project \
		--profiles-dir dbt_project --target-path ../data/dbt/lint --log-path data/dbt/logs

docs: $(READY) ## Write the dbt docs of the last transform as one page
	@$(BIN)/headwater docs

benchmark: $(READY) ## Measure ratios beside other tools; writes data/benchmarks.md (many minutes)
	@$(BIN)/python -m tests.benchmarks

audit: $(READY) ## Look for known vulnerabilities of what is locked; needs the network
	@$(UV) tool run --quiet pip-audit==$(PIP_AUDIT_VERSION) --requirement requirements.lock \
		--strict --disable-pip --require-hashes --progress-spinner off \
		|| { echo 'make: see above: a vulnerability was found, or the network is missing;' \
		'expected neither' >&2; exit 1; }

lock: ## Resolve requirements.lock anew from pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--group dev pyproject.toml --output-file requirements.lock

clean: ## Remove the environment; data stays
	rm -rf $(VENV) .uv

$(READY): requirements.lock pyproject.toml
	@command -v uv >/dev/null || test -x .uv/bin/uv || $(MAKE) --no-print-directory .uv/bin/uv
	@$(UV) venv --quiet --allow-existing --python '>=3.11,<3.13' $(VENV)
	@rm -rf $(VENV)/pycache
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

# Debian's Python comes without venv; root may install it, anybody else is told.
.uv/bin/uv:
	@python3 -m venv .uv 2>/dev/null || { rm -rf .uv; \
		test "$$(id -u)" = 0 && apt-get -qq update && apt-get -qq install -y python3-venv >/dev/null \
		&& python3 -m venv .uv; } \
		|| { echo 'make: python3 cannot create environments; run: apt-get install python3-venv' >&2; exit 1; }
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Root may install Debian's browser, anybody else is told.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		test "$$(id -u)" = 0 && apt-get -qq update && apt-get -qq install -y chromium >/dev/null; } \
		|| { echo 'make: there is no Chromium; run: apt-get install chromium' >&2; exit 1; }
