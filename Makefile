# Each target does its own set-up; `make demo` and `make test` work from a clean clone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_POLICY := manifests/trust.toml

.PHONY: help demo test check fmt lint types layers docs bench golden clean

help:
	@echo "make demo    build the signed example images into build/"
	@echo "make test    every test; real packages too, if a mirror answers"
	@echo "make check   lint, types, layers, documentation"
	@echo "make bench   measure against floors and peers, into docs/benchmarks.md"
	@echo "make fmt     format and fix"
	@echo "make golden  rewrite the golden listings, to be reviewed with git diff"

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m compileall -q imagesmith
	@touch $@

demo: $(STAMP)
	@mkdir -p build
	@for name in curl busybox; do \
	  printf '%s ' "build/$$name.tar"; \
	  $(BIN)/imagesmith --quiet build manifests/$$name --trust $(DEMO_POLICY) -o build/$$name.tar || exit; \
	done

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

check: lint types layers docs

fmt: $(STAMP)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/python docs/check.py

bench: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

golden: $(STAMP)
	IMAGESMITH_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/oci

clean:
	rm -rf build $(VENV)
