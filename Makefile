# Everything runs in .venv, which the first target that needs it makes and fills. Lava is archived
# and pinned, so it has an environment of its own, .venv-lava, which only the tests need.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
OPS := .venv/operators
LAVA := .venv-lava/installed

CHECKPOINT := models/checkpoints/ms_resnet20_cifar10.pt
SAMPLES := models/samples/cifar10_100.npz
NATIVE := converters/onnx/native

.PHONY: help demo test lint ops fuzz lava bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    export the trained network that ships here, checked spike for spike; says where the report is"
	@echo "make test    lint, then all tests"
	@echo "make lint    ruff and mypy"
	@echo "make ops     compile the native operators for ONNX Runtime, where a C++ compiler is"
	@echo "make fuzz    thousands of random networks: reference, stock and native operators, all integers equal"
	@echo "make lava    install Lava into .venv-lava, for the tests and for exports to Lava"
	@echo "make bench   run the benchmarks one after the other"
	@echo "make clean   remove .venv, .venv-lava, build/demo and the tools' caches"
	@echo
	@echo "Needs Python 3.11 or newer; choose one with PYTHON=python3.12. The first target installs into .venv."

demo: $(INSTALLED) $(OPS)
	@$(BIN)/snn-export $(CHECKPOINT) --target onnx --data $(SAMPLES) -o build/demo --force

# lint has run mypy already, through the one test that is left out here.
test: lint $(OPS) $(LAVA)
	@$(BIN)/pytest --ignore=tests/house/test_types.py

lint: $(INSTALLED)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/pytest --quiet --no-header tests/house/test_types.py

ops: $(OPS)

GRAPHS ?= 4000
SEED ?= 1

fuzz: $(INSTALLED) $(OPS)
	@$(BIN)/python -m tests.converters.onnx.native.fuzz --graphs $(GRAPHS) --seed $(SEED)

lava: $(LAVA)

bench: $(INSTALLED) $(OPS)
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf .venv .venv-lava build/demo build/lib build/bdist.* dist *.egg-info
	rm -f $(NATIVE)/libsnn_ops-*
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

define check_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
    echo "$(PYTHON) is not Python 3.11 or newer; choose one: make PYTHON=python3.12" >&2; exit 1; }
endef

$(INSTALLED): pyproject.toml setup.py constraints.txt
	$(check_python)
	@echo "Installing into .venv; the first time this takes a few minutes."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Installing has compiled them; this does it again when they change. Exit code 6: there is no compiler.
$(OPS): $(INSTALLED) $(wildcard $(NATIVE)/src/*) $(NATIVE)/build.py
	@$(BIN)/snn-deploy build-ops --quiet || { test $$? -eq 6 && \
	    echo "Going on with ONNX Runtime's own operators: the same spikes, but slower."; }
	@touch $@

$(LAVA): constraints-lava.txt
	$(check_python)
	@echo "Installing Lava into .venv-lava; the first time this takes a minute."
	@$(PYTHON) -m venv .venv-lava
	@.venv-lava/bin/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --ignore-requires-python --requirement constraints-lava.txt
	@touch $@
