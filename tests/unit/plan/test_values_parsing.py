"""Values files of a tenant: what Helm would read, and what is refused before it costs time or memory."""

from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan.values.parsing import MAX_VALUES_BYTES, MAX_VALUES_DEPTH, parse_values
from harbor_operator.reasons import Reason


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", {}),
        ("day: 2026-01-02\n8080: x\ntrue: y\n", {"day": "2026-01-02", "8080": "x", "true": "y"}),
        ("a: [1, {b: null}]", {"a": [1, {"b": None}]}),
    ],
)
def test_values_from_a_config_map_are_read_as_helm_reads_them(text: str, tree: Tree) -> None:
    parsed = parse_values("ConfigMap 'c' key 'k'", text, secret=False)
    assert isinstance(parsed, UserValues)
    assert parsed.tree == tree


@pytest.mark.parametrize("text", ["a: [hush", "- a", "hush"])
def test_bad_values_are_refused_without_quoting_them(text: str) -> None:
    parsed = parse_values("Secret 'extra' key 'k'", text, secret=True)
    assert isinstance(parsed, Blocked)
    assert parsed.reason is Reason.VALUES_INVALID
    assert "hush" not in parsed.message
    assert "Secret 'extra' key 'k'" in parsed.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &hush [1]\nb: *hush\n", "YAML alias"),
        ("a: &a [x]\nb: {<<: *a}\n", "YAML alias"),
        (f"a: {'x' * MAX_VALUES_BYTES}", "256 KiB"),
        ("a: " + "[" * (MAX_VALUES_DEPTH + 1) + "]" * (MAX_VALUES_DEPTH + 1), "nested deeper"),
        ("[" * 100_000, "nested deeper"),
        ("{a: " * 900 + "b" + "}" * 900, "nested deeper"),
        ("day: 2026-02-31", "quote it"),
    ],
    ids=["alias", "merge", "size", "depth", "open brackets", "mappings", "date"],
)
def test_values_that_cost_too_much_are_refused(text: str, words: str) -> None:
    parsed = parse_values("ConfigMap 'c' key 'k'", text, secret=False)
    assert isinstance(parsed, Blocked)
    assert parsed.reason is Reason.VALUES_INVALID
    assert words in parsed.message
    assert "hush" not in parsed.message


def test_an_asterisk_in_text_is_no_alias() -> None:
    parsed = parse_values("ConfigMap 'c' key 'k'", "a: 'b*c'\nd: [\"*\"]\n", secret=False)
    assert isinstance(parsed, UserValues)
    assert parsed.tree == {"a": "b*c", "d": ["*"]}


@pytest.mark.parametrize("value", ["!!binary aHVzaA==", "!!set {hush}", "!!pairs [hush: b]", ".nan", "-.inf"])
@pytest.mark.parametrize("secret", [True, False])
def test_a_value_that_json_does_not_have_is_refused(value: str, *, secret: bool) -> None:
    parsed = parse_values("Secret 'extra' key 'k'", f"a: [{value}]", secret=secret)
    assert isinstance(parsed, Blocked)
    assert "hush" not in parsed.message
    assert parsed.message.startswith("Secret 'extra' key 'k' has a value that JSON does not have")
