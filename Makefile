# SPDX-License-Identifier: Apache-2.0
# The same recipes for people, hooks and CI. Each does its own set-up, from nothing but a Python.
#
#   make demo PYTHON=python3.12     another Python for the environment
#   make test ARGS='-k pairing'     more words for the tool that runs

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt
SETUP := setup.py setup.cfg requirements/constraints.txt
ARGS ?=
# Where real pairs to validate on are, if anywhere: see benchmarks/real_pairs.py.
PAIRS ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help demo test bench campaign gpu train-long lint format clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1  \2/p' $(MAKEFILE_LIST)

demo: $(VENV)/.runs ## replay a stereo recording through the whole pipeline; leaves demo_output/
	$(BIN)/foundation_stereo demo -o demo_output $(ARGS)

test: $(VENV)/.tests ## run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

bench: $(VENV)/.runs ## measure how long each stage takes, beside its plain form; about two minutes, leaves bench_output/
	$(BIN)/foundation_stereo benchmark --precision fp32 --json bench_output/lean.json $(ARGS)
	$(BIN)/foundation_stereo benchmark --checkpoint tiny --precision fp32 --precision auto --plain --json bench_output/tiny.json $(ARGS)
	$(BIN)/foundation_stereo benchmark --preset small --size 160x224 --iterations 4 --repeats 5 --plain \
	  --json bench_output/small.json $(ARGS)

campaign: $(VENV)/.tests ## damage some thousand files, and count what comes of reading them; about 20 minutes
	$(BIN)/python benchmarks/campaign.py $(ARGS)

# One thread at the lowest priority, so that it does not disturb; ARGS='--max-minutes 60' ends a part by itself.
train-long: $(VENV)/.runs ## begin the long training run of the lean network, or go on with it; leaves runs/long
	@mkdir -p runs/long
	@test -d runs/pairs || ! test -f $(PAIRS)/cones_gt.png || $(BIN)/python benchmarks/real_pairs.py $(PAIRS) runs/pairs
	@test -f runs/long/state.safetensors || ! test -f config/long_run/state.safetensors || \
	  cp config/long_run/state.safetensors runs/long/state.safetensors
	OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 nice -n 19 $(BIN)/foundation_stereo train \
	  --config config/train_long.yaml -o runs/long \
	  $$(test -f runs/long/state.safetensors && echo --resume) \
	  $$(test -d runs/pairs && echo --validate-dataset folder --validate-root runs/pairs) $(ARGS)

gpu: ## on a machine with a GPU: check it, run its tests, measure, train (docs/gpu.md); leaves gpu_output/
	$(PYTHON) benchmarks/gpu.py $(or $(PIECE),all) $(if $(OUT),--out '$(OUT)') $(if $(DEVICE),--device $(DEVICE)) \
	  $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

lint: $(VENV)/.lints ## check style, types and the import contract; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lints ## put the sources into the style that `make lint` wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and what the recipes have left
	rm -rf $(VENV) demo_output bench_output gpu_output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1); expected Python 3.10 or newer (make PYTHON=...)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

# One stamp for each set of extras, so that the demo waits for nothing that only the tests need.
$(VENV)/.runs: $(VENV)/.python $(SETUP)
	@echo "installing into $(VENV); the first time takes some minutes"
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.tests: $(VENV)/.runs
	$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.lints: $(VENV)/.runs
	$(PIP) -e '.[test,lint]'
	@touch $@
