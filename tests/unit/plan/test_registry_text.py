"""Texts that the registry reads as YAML: always the same text, and unchanged where that needs no quotes."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harbor_operator.plan.registry_text import chart_text, registry_variable

WORDS = st.sampled_from(["yes", "No", "true", "null", "~", "0x1F", "0o17", "017", "1e5", "1_000", "1:30", "2026-11-28"])
NAMES = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=12).filter(
    lambda text: text[0].isalnum() and text[-1].isalnum()
)


def variable(text: str) -> str:
    return registry_variable(SecretStr(text)).get_secret_value()


@given(st.one_of(WORDS, NAMES, st.text(string.printable[:95], min_size=1)))
def test_a_variable_is_read_as_the_same_text(text: str) -> None:
    assert yaml.safe_load(variable(text)) == text


@given(st.one_of(WORDS.filter(lambda text: text != "~"), NAMES))
def test_a_value_of_the_chart_is_read_as_the_same_text(text: str) -> None:
    assert yaml.safe_load(f"container: {chart_text(text)}") == {"container": text}


@pytest.mark.parametrize(
    "text", ["12345678", "0123", "1e5", "0xCAFE", "#hash", "!x", "*x", "a: b", "yes", "a #b", "a:", "Y"]
)
def test_a_text_that_yaml_reads_otherwise_gets_quotes(text: str) -> None:
    assert variable(text) == f'"{text}"'


@pytest.mark.parametrize(
    "text", ["harbor", "Kontrakt0Kontrakt1", "7GQ2X0Z9", "azure/secret/key+1==", "9f86d081884c7d65"]
)
def test_a_usual_text_stays(text: str) -> None:
    assert variable(text) == text


@pytest.mark.parametrize("text", ["https://keystone.example.com/v3", "harbor:registry", "harbor-2", "images"])
def test_a_usual_value_of_the_chart_stays(text: str) -> None:
    assert chart_text(text) == text
