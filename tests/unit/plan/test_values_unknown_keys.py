from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.api.chart_keys import KeyTree, chart_keys, unknown_key
from harbor_operator.api.charts import CHARTS
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan.values.paths import Path as KeyPath
from harbor_operator.plan.values.unknown_keys import MAX_HINTS, find_unread_values
from tests.unit.plan.test_values import leaves

HARBOR_CHART = os.environ.get("HARBOR_CHART", "")
OFFICIAL_CHARTS = [Path(HARBOR_CHART)] if Path(HARBOR_CHART, "values.yaml").is_file() and HARBOR_CHART else []
READ = re.compile(r"\.Values((?:\.[A-Za-z0-9_]+)+)")

names = st.text("abcdefghijklmnopqrstuvwxyzABC", min_size=1, max_size=12)
values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3)))
free_values = st.recursive(values, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=5)


def known_paths(tree: KeyTree, at: KeyPath = ()) -> list[KeyPath]:
    return [path for key, below in tree.items() for path in (known_paths(below, (*at, key)) if below else [(*at, key)])]


PATHS = {chart.minor: known_paths(chart_keys(chart.minor)) for chart in CHARTS}
paths = st.sampled_from(sorted(PATHS)).flatmap(lambda minor: st.tuples(st.just(minor), st.sampled_from(PATHS[minor])))


def tree_of(path: KeyPath, value: Any) -> Tree:
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def is_owned(path: KeyPath) -> bool:
    return path == ("core", "secretName")


def messages(tree: Tree, minor: int = 19) -> dict[str, str]:
    found = find_unread_values(UserValues("`spec.release.values`", tree), minor, is_owned)
    return {".".join(path): finding.message for path, finding in found}


@given(paths, free_values)
def test_a_key_that_the_chart_reads_is_accepted_with_any_value(known: tuple[int, KeyPath], value: Any) -> None:
    minor, path = known
    assert messages(tree_of(path, value), minor) == {}


@given(paths, names, values)
def test_any_other_key_in_a_section_is_refused_by_its_path(known: tuple[int, KeyPath], name: str, value: Any) -> None:
    minor, path = known
    unknown = (*path[:-1], name)
    expected = {".".join(unknown)} if unknown_key(unknown, chart_keys(minor)) else set()
    found = messages(tree_of(unknown, value), minor)
    assert set(found) - {".".join(other) for other in sections(minor)} == expected
    assert all(f"`{key}` in `spec.release.values`" in message for key, message in found.items())


@given(paths, st.data())
def test_a_misspelt_key_is_refused_with_a_key_that_the_chart_reads(
    known: tuple[int, KeyPath], data: st.DataObject
) -> None:
    """Two neighbouring letters of one key are exchanged."""
    minor, path = known
    level = data.draw(st.integers(0, len(path) - 1))
    swaps = [at for at, (first, second) in enumerate(pairwise(path[level])) if first != second]
    if not swaps:
        return
    at = data.draw(st.sampled_from(swaps))
    name = path[level]
    misspelt = (*path[:level], f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}", *path[level + 1 :])
    (message,) = messages(tree_of(misspelt, 1), minor).values()
    hint = re.search(r"did you mean `([^`]+)`", message)
    assert hint is None or unknown_key(tuple(hint.group(1).split(".")), chart_keys(minor)) is None


@given(paths, st.one_of(st.booleans(), st.integers(), st.text(max_size=5)))
def test_a_value_in_place_of_a_section_is_refused(known: tuple[int, KeyPath], value: Any) -> None:
    minor, path = known
    if path[:-1]:
        (message,) = messages(tree_of(path[:-1], value), minor).values()
        assert "must be a mapping" in message


@pytest.mark.parametrize(
    ("own", "key", "hint"),
    [
        ({"persistance": {"enabled": True}}, "persistance", "did you mean `persistence`?"),
        ({"core": {"image": {"tga": "x"}}}, "core.image.tga", "did you mean `core.image.tag`?"),
        ({"disableredirect": True}, "disableredirect", "`persistence.imageChartStorage"),
        ({"chartmuseum": {"enabled": True}}, "chartmuseum", "use a chart of 1.2 to 1.11"),
        ({"zzz": 1}, "zzz", "remove it or correct its name"),
        ({"core": {"secretNam": 1}}, "core.secretNam", "remove it or correct its name"),
    ],
)
def test_the_message_names_the_nearest_key(own: Tree, key: str, hint: str) -> None:
    assert hint in messages(own)[key]


def test_a_null_deletes_a_default_of_the_chart() -> None:
    assert messages({"trivy": None, "core": {"replicas": None}}) == {}


def test_the_nearest_key_is_searched_for_a_bounded_number_of_keys() -> None:
    found = messages({"core": {f"replica{number}": 1 for number in range(1000)}})
    assert sum("did you mean" in message for message in found.values()) == MAX_HINTS


@pytest.mark.skipif(not OFFICIAL_CHARTS, reason="no directory of the official chart (HARBOR_CHART)")
@pytest.mark.parametrize("directory", OFFICIAL_CHARTS, ids=str)
def test_the_values_and_templates_of_the_official_chart_are_accepted(directory: Path) -> None:
    defaults = yaml.safe_load((directory / "values.yaml").read_text())
    minor = int(yaml.safe_load((directory / "Chart.yaml").read_text())["version"].split(".")[1])
    assert messages(defaults, minor) == {}
    templates = [file.read_text() for file in (directory / "templates").rglob("*") if file.is_file()]
    read = {tuple(found[1:].split(".")) for text in templates for found in READ.findall(text)}
    in_values = {path[:length] for path, _ in leaves(defaults) for length in range(1, len(path) + 1)}
    assert len(read) > 100
    assert read - in_values, "the templates read keys that values.yaml does not have"
    assert [path for path in read if unknown_key(path, chart_keys(minor))] == []


def sections(minor: int) -> set[KeyPath]:
    return {path[:length] for path in PATHS[minor] for length in range(1, len(path))}
