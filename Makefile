# Everything runs in .venv, which the first target that needs it makes and fills.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

CHECKPOINT := models/checkpoints/ms_resnet20_cifar10.pt
SAMPLES := models/samples/cifar10_100.npz

.PHONY: help demo test lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    export the trained network that ships here, checked spike for spike; says where the report is"
	@echo "make test    lint, then all tests"
	@echo "make lint    ruff and mypy"
	@echo "make bench   run the benchmarks one after the other"
	@echo "make clean   remove .venv, build/demo and the tools' caches"
	@echo
	@echo "Needs Python 3.11 or newer; choose one with PYTHON=python3.12. The first target installs into .venv."

demo: $(INSTALLED)
	@$(BIN)/snn-export $(CHECKPOINT) --target onnx --data $(SAMPLES) -o build/demo --force

# lint has run mypy already, through the one test that is left out here.
test: lint
	@$(BIN)/pytest --ignore=tests/house/test_types.py

lint: $(INSTALLED)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/pytest --quiet --no-header tests/house/test_types.py

bench: $(INSTALLED)
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf .venv build/demo build/lib build/bdist.* dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is not Python 3.11 or newer; choose one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into .venv; the first time this takes a few minutes."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[dev]'
	@touch $@
