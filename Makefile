PYTHON ?= python
DOCS = docs/*.py docs/extensions

.PHONY: check test format bench docs

check:  ## lint, types and the meta tests: under a minute
	$(PYTHON) -m ruff format --check src tests bench examples $(DOCS)
	$(PYTHON) -m ruff check src tests bench examples $(DOCS)
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest tests/meta

test:
	$(PYTHON) -m pytest

format:
	$(PYTHON) -m ruff format src tests bench examples $(DOCS)
	$(PYTHON) -m ruff check --fix src tests bench examples $(DOCS)

bench:
	$(PYTHON) -m bench all --write

docs:  ## the pages, in build/docs; `python docs/live.py --write docs/*.md` first puts the outputs of now into them
	$(PYTHON) -m sphinx -W --keep-going -q -j auto -b html docs build/docs
