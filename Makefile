# `make help` lists the targets. Everything is installed into .venv from the locks; nothing outside it
# but the Debian packages named in `system` (as root; otherwise the names are printed).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test soak soak-14b check bench lock wheelhouse clean

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

# An intranet without a way out: `make run WHEELS=DIR` takes everything from what `make wheelhouse`
# wrote, and asks no index. Where torch is not among it, nobody writes beside scripts.
WHEELS ?=
LOCK ?= dev
WHEELHOUSE := $(or $(WHEELS),wheelhouse)
ifneq ($(WHEELS),)
ifneq ($(MAKECMDGOALS),wheelhouse)
FROM := --no-index --find-links $(abspath $(WHEELS))
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELS))
ifeq ($(wildcard $(WHEELS)/torch-*.whl),)
export FINMODEL_FETCH_BASE := 0
endif
endif
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

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

bench: .venv/.dev .venv/.servers ## most figures of the README, measured here (not those that take hours)
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
	.venv/bin/finmodel bench load --json
	.venv/bin/finmodel bench day --json

lock: $(UV) ## resolve again: one resolution of everything, cut into one lock for each use
	set -- $(UV) pip compile -q pyproject.toml --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate; \
	all=$$(mktemp); trap 'rm -f "$$all" "$$all.pins"' EXIT; \
	cat locks/dev.txt locks/tune.txt > "$$all"; \
	"$$@" --all-extras -o "$$all"; grep -oE '^[a-zA-Z0-9._-]+==[^ ]+' "$$all" > "$$all.pins"; \
	"$$@" -c "$$all.pins" --extra build -o locks/run.txt; \
	"$$@" -c "$$all.pins" --extra build --extra stream --extra tune --extra dev -o locks/dev.txt; \
	"$$@" -c "$$all.pins" --extra build --extra stream --extra tune -o locks/tune.txt

wheelhouse: .uv/bin/python ## write every wheel and jar of the locks into WHEELS, for a machine without a network (LOCK=run: 0.4 GB)
	@mkdir -p "$(WHEELHOUSE)"
	@# pyspark is published as source alone; setuptools, which builds it, is in the locks.
	.uv/bin/python -m pip download -q --require-hashes --no-deps --only-binary :all: --no-binary pyspark \
	    -r locks/uv.txt -r locks/$(LOCK).txt -d "$(WHEELHOUSE)"
	@if [ "$(LOCK)" = dev ]; then $(MAKE) .venv/.servers; \
	    $(PY) -c "import sys; from benchmarks._kafka_broker import fetch; print(fetch())" | \
	    { read -r jars; mkdir -p "$(WHEELHOUSE)/kafka"; cp -r "$$jars" "$(WHEELHOUSE)/kafka/"; }; fi
	@echo "$$(ls "$(WHEELHOUSE)" | wc -l) files in $(WHEELHOUSE): on the other machine, make run WHEELS=DIR"

clean: ## forget the demo's data and models (the environment stays)
	rm -rf .finmodel .finmodel-assistant

# uv: the one on the path, or our own from its lock.
.uv/bin/python:
	$(PYTHON) -m venv .uv 2>/dev/null || { rm -rf .uv; $(call debian,python3-venv); $(PYTHON) -m venv .uv; }

.uv/bin/uv: | .uv/bin/python
	.uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt

# An environment: the lock, then the six packages in place.
define install
	@[ -x $(PY) ] || $(UV) venv -q --python $(PYTHON) .venv
	@echo "installing $(1) into .venv"
	@VIRTUAL_ENV=.venv $(UV) pip install -q $(FROM) --require-hashes -r $(1)
	@VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@
endef

# Install Debian packages as root, or name them.
define debian
{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing $(1)" && \
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) >/dev/null; } || \
{ echo "missing: $(1). Install them, for example: sudo apt-get install $(1)" >&2; exit 1; }
endef

# One program out of a Debian package, beside the environment's: $(1) is the package, $(2) the program. Nothing
# is installed, so no service of it starts, now or at boot, and nobody but the tests knows that it is there.
define unpacked
aside=$$(mktemp -d) && get() { (cd "$$aside" && apt-get download -qq -o APT::Sandbox::User=root $(1)); } && \
    echo "unpacking $(2) of Debian's package $(1)" && \
    { get 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && get; }; } && \
    dpkg-deb --fsys-tarfile "$$aside/"$(1)_*.deb | tar -x -C "$$aside" ./usr/bin/$(2) && \
    mv "$$aside/usr/bin/$(2)" .venv/bin/; rm -rf "$$aside"; [ -x .venv/bin/$(2) ]
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
	[ -z "$$missing" ] || { $(call debian,$$missing); }; \
	command -v promtool >/dev/null || [ -x .venv/bin/promtool ] || { $(call unpacked,prometheus,promtool); } || \
	    echo "no promtool (Debian's package prometheus): the test of alerts is skipped" >&2; \
	[ ! -d "$(WHEELS)/kafka" ] || { mkdir -p .kafka; cp -rn "$(WHEELS)/kafka/." .kafka/; }
	@touch $@

$(filter /%,$(UV)): ;
