"""The text of values as Helm reads it: every string stays a string, every number a number."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.adapters.helm_process import values_text

AMBIGUOUS = ["n", "y", "no", "off", "7e12", "08", "0o7", "1_000", "12:30:45", "~", "null", "2026-01-02", "", "=", "<<"]
"""Strings that YAML parsers read as something else when they are not quoted."""


@pytest.mark.parametrize("word", [*AMBIGUOUS, "a\u0085b", "\u2028", "\ufeff", "\U0001f600", "\x7f", "\t"])
def test_a_string_stays_a_string(word: str) -> None:
    values = {"image": {"tag": word}, word: [word]}
    assert yaml.safe_load(values_text(values)) == values
    assert f'"tag": {json.dumps(word)}' in values_text(values) or word == "\U0001f600"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aå/.", max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_every_yaml_parser_reads_what_json_says(value: Any) -> None:
    """Finding R3."""
    text = values_text(value)
    assert json.loads(text) == value
    assert yaml.safe_load(text) == value
