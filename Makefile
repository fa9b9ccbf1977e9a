# Every target works alone on a fresh clone: it makes .venv and installs what it needs, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint type peers browser clean

help:
	@echo "make demo     train a network on the digits data set, into a new folder under runs/"
	@echo "make test     run the tests"
	@echo "make lint     check the style (ruff)"
	@echo "make type     check the types (mypy)"
	@echo "make peers    run the tests that compare with PyTorch, JAX and other libraries"
	@echo "make browser  look at reports in Chromium, which apt installs, as root, if it is missing"
	@echo "make clean    remove .venv and the caches"

demo: $(VENV)/installed-all
	$(BIN)/chainrule fit digits

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -n auto -m "not peers"

lint: $(VENV)/installed-test
	$(BIN)/python -m ruff check .

type: $(VENV)/installed-test
	$(BIN)/python -m mypy

peers: $(VENV)/installed-peers
	$(BIN)/python -m pytest -q -n auto -m peers

browser: $(VENV)/installed-test
	command -v chromium > /dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	$(BIN)/python -m pytest -q tests/train/test_report_browser.py

clean:
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info build
	find chainrule tests -name __pycache__ -prune -exec rm -rf {} +

# pip is the last thing venv installs, so a half-made environment is made again.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-all: pyproject.toml | $(BIN)/pip
	$(PIP) install -e '.[all]'
	touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/pip
	$(PIP) install -e '.[all,test]'
	touch $@

# PyTorch comes first and alone, so that its exact version decides what else is resolved.
$(VENV)/installed-peers: $(VENV)/installed-test
	$(PIP) install torch==2.13.0
	$(PIP) install -e '.[all,test,peers]'
	touch $@
