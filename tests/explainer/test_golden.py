"""The derivations of ten small models, in both languages, are those written down.

The pages are in golden/. After a change that is meant: UPDATE_GOLDEN=1 python -m pytest
tests/explainer/test_golden.py, and read the difference as a teacher would.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.explainer.models import MODELS

import chainrule as cr

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_derivation_is_the_one_written_down(model, lang):
    cr.manual_seed(1)
    found, golden = model(lang).markdown(), GOLDEN / f"{model.__name__}.{lang}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found, encoding="utf8")
    assert found == golden.read_text(encoding="utf8")


def test_every_page_belongs_to_a_model():
    assert {p.name for p in GOLDEN.iterdir()} == {
        f"{m.__name__}.{lang}.md" for m in MODELS for lang in ("en", "zh")
    }
