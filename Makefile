PYTHON ?= python

.PHONY: check test format bench

check:  ## lint, types and the meta tests: under a minute
	$(PYTHON) -m ruff format --check src tests bench examples
	$(PYTHON) -m ruff check src tests bench examples
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest tests/meta

test:
	$(PYTHON) -m pytest

format:
	$(PYTHON) -m ruff format src tests bench examples
	$(PYTHON) -m ruff check --fix src tests bench examples

bench:
	$(PYTHON) -m bench all --write
