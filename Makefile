# `make help` lists the targets. Everything is installed into .venv from the locks; nothing outside it
# but the Debian packages named in `system` (as root; otherwise the names are printed).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test soak soak-14b check bench lock clean

export UV_PYTHON_DOWNLOADS := never
export FEAST_USAGE := False
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export KILLS ?= 200
# Many short processes start here; each would compile every import again.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3.11
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PY := .venv/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

# Whoever writes beside scripts needs torch and llama.cpp: FINMODEL_FETCH_BASE=0 leaves them out.
run: $(if $(filter 0,$(FINMODEL_FETCH_BASE)),.venv/.run,.venv/.tune) ## set up, train on real data, serve, and open the console
	@exec .venv/bin/finmodel demo --history --assistant

test: .venv/.dev .venv/.servers ## set up, and pass every test
	$(PY) -m pytest -n 2 --dist loadfile

soak: .venv/.dev .venv/.servers ## kill real workers 200 times, and count each event once (6 minutes; KILLS=20 for less)
	$(PY) -m pytest -m soak tests/feature_store/test_stream_worker.py

soak-14b: .venv/.dev ## one whole LoRA step of a 14B-shaped base in four bits, on this CPU (10 GB of disk, 14 GiB)
	$(PY) benchmarks/_soak_nf4.py --shape qwen3-14b

check: .venv/.dev ## format, lint, types, import contracts
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo

bench: .venv/.dev .venv/.servers ## every figure of the README, measured here
	.venv/bin/finmodel bench online --json
	.venv/bin/finmodel bench behaviour_risk --json
	.venv/bin/finmodel bench stream --json
	.venv/bin/finmodel bench monitor --json
	.venv/bin/finmodel bench reasons --json
	.venv/bin/finmodel bench allocate --json
	.venv/bin/finmodel bench uplift --json
	.venv/bin/finmodel bench marketing --json
	.venv/bin/finmodel bench models --json
	.venv/bin/finmodel bench plan --json
	.venv/bin/finmodel bench lora --json
	.venv/bin/finmodel bench preference --json
	.venv/bin/finmodel bench assist --json
	.venv/bin/finmodel bench guards --json

lock: $(UV) ## resolve again: one resolution of everything, cut into one lock for each use
	set -- $(UV) pip compile -q pyproject.toml --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate; \
	all=$$(mktemp); trap 'rm -f "$$all" "$$all.pins"' EXIT; \
	cat locks/dev.txt locks/tune.txt > "$$all"; \
	"$$@" --all-extras -o "$$all"; grep -oE '^[a-zA-Z0-9._-]+==[^ ]+' "$$all" > "$$all.pins"; \
	"$$@" -c "$$all.pins" --extra build -o locks/run.txt; \
	"$$@" -c "$$all.pins" --extra build --extra stream --extra tune --extra dev -o locks/dev.txt; \
	"$$@" -c "$$all.pins" --extra build --extra stream --extra tune -o locks/tune.txt

clean: ## forget the demo's data and models (the environment stays)
	rm -rf .finmodel .finmodel-assistant

# uv: the one on the path, or our own from its lock.
.uv/bin/uv:
	$(PYTHON) -m venv .uv 2>/dev/null || { rm -rf .uv; $(call debian,python3-venv); $(PYTHON) -m venv .uv; }
	.uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt

# An environment: the lock, then the six packages in place.
define install
	@[ -x $(PY) ] || $(UV) venv -q --python $(PYTHON) .venv
	@echo "installing $(1) into .venv"
	@VIRTUAL_ENV=.venv $(UV) pip install -q --require-hashes -r $(1)
	@VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@
endef

# Install Debian packages as root, or name them.
define debian
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing $(1)"; apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
else echo "missing: $(1). Install them, for example: sudo apt-get install $(1)" >&2; exit 1; fi
endef

.venv/.run: locks/run.txt pyproject.toml | $(UV) .gomp
	$(call install,locks/run.txt)

.venv/.tune: locks/tune.txt pyproject.toml | $(UV) .gomp
	$(call install,locks/tune.txt)

.venv/.dev: locks/dev.txt pyproject.toml | $(UV) .gomp
	$(call install,locks/dev.txt)

# LightGBM's wheel expects the system's OpenMP.
.PHONY: .gomp
.gomp:
	@[ -n "$$(PATH=$$PATH:/sbin ldconfig -p | grep libgomp.so.1)" ] || { $(call debian,libgomp1); }

# The real servers that the tests talk to.
.venv/.servers: Makefile | .venv/.dev
	@missing=; command -v redis-server >/dev/null || missing="redis-server"; \
	command -v chromium >/dev/null || missing="$$missing chromium fonts-noto-cjk"; \
	command -v java >/dev/null || missing="$$missing default-jre-headless"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	[ -z "$$missing" ] || { $(call debian,$$missing); }
	@touch $@

$(filter /%,$(UV)): ;
