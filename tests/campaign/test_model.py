"""The cases come from the schema: every node has some, and the seeds that they change are valid."""

from __future__ import annotations

from collections import Counter

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistrySpec
from tests.campaign.model import REMOVED, Case, cases, find
from tests.campaign.schema import spec_schema, values_in
from tests.campaign.seeds import SEEDS
from tests.campaign.strings import of_length

CASES = cases(random_seed=1)
REFUSED: dict[str, str] = {
    "storage.migration.to.s3.ambientIdentity": "the operator needs keys to copy; `broken_specs` has the refusal",
}
"""Fields of the CRD that no valid spec has, and why."""


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_is_valid(name: str) -> None:
    HarborRegistrySpec.parse(SEEDS[name])


def test_every_field_of_the_crd_is_in_a_seed() -> None:
    root = spec_schema()
    found = {node.path for spec in SEEDS.values() for _, node, _ in values_in(root, spec)}
    assert {node.path for node in root.walk()} - found == REFUSED.keys()


def test_every_field_of_the_crd_has_cases_that_set_and_remove_it() -> None:
    kinds = {node.path: {case.kind for case in CASES if case.path == node.path} for node in spec_schema().walk()}
    for path in ("", *REFUSED):
        del kinds[path]
    removed = {"delete", "pop"}
    assert [path for path, found in kinds.items() if not found & removed] == []
    assert [path for path, found in kinds.items() if not found - removed] == []


def test_the_cases_are_counted() -> None:
    found = Counter(case.kind for case in CASES)
    print(f"{len(CASES)} cases: {dict(found)}")
    assert len(CASES) > 5000
    assert {"min-1", "min", "max", "max+1", "pattern", "enum", "push", "pop", "delete", "toggle"} <= found.keys()


def test_equal_seeds_of_the_generator_give_equal_cases() -> None:
    few = {"ldap": SEEDS["ldap"]}
    assert cases(random_seed=1, seeds=few) == cases(random_seed=1, seeds=few)
    assert cases(random_seed=1, seeds=few) != cases(random_seed=2, seeds=few)


def test_every_case_applies_to_its_seed() -> None:
    for case in CASES:
        assert case.precondition(SEEDS[case.seed]), case
    case = next(case for case in CASES if case.path == "database.port" and case.kind == "max")
    assert find(case.mutate(SEEDS[case.seed]), case.steps) == 65535


def test_the_setup_brings_a_spec_to_where_a_case_runs() -> None:
    case = next(case for case in CASES if case.path == "cache.username" and case.value is REMOVED)
    spec = {"externalURL": "https://other.example.com", "scanAll": {"schedule": "Daily"}}
    assert not case.precondition(spec)
    ready = case.setup(spec)
    assert case.precondition(ready)
    assert ready["scanAll"] == spec["scanAll"]
    assert "username" not in case.mutate(ready)["cache"]


def test_a_case_changes_one_place_and_leaves_the_seed() -> None:
    case = Case("release.values", "change", "full", ("release", "values"), {"a": 1})
    before = SEEDS["full"]["release"]["values"]
    assert case.mutate(SEEDS["full"])["release"]["values"] == {"a": 1}
    assert SEEDS["full"]["release"]["values"] == before
    assert case.place == "spec.release.values"
    assert Case("projects[]", "pop", "harbor", ("projects", 0), REMOVED).place == "spec.projects[0]"


@pytest.mark.parametrize(
    ("sample", "pattern", "length", "expected"),
    [
        ("abc", "^[a-z]+$", 5, "abccc"),
        ("1.2.3", r"^[0-9]+\.[0-9]+\.[0-9]+$", 7, "1.2.333"),
        ("abc", "^[a-z]+$", 2, "ab"),
        ("abc", "^[a-z]{3}$", 5, None),
        ("a", "", 0, ""),
        ("a", "", -1, None),
    ],
)
def test_a_text_of_a_length_still_matches_the_pattern(
    sample: str, pattern: str, length: int, expected: str | None
) -> None:
    assert of_length(sample, pattern, length) == expected
