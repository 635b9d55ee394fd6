"""Desired policies of projects, and the smallest set of writes."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.project_policies import ImmutableTagRule, Retention
from harbor_operator.api.projects import Project
from harbor_operator.model.project_policies import (
    DesiredRetention,
    ImmutableTagChanges,
    ObservedImmutableRule,
    ObservedRetention,
    RetentionRule,
    TagSelector,
)
from harbor_operator.plan.project_policies import immutable_tag_changes, plan_retention, plan_selector

RELEASES = TagSelector(tags="v*")
FOUND = ObservedImmutableRule(1, RELEASES)
OTHER = ObservedImmutableRule(2, TagSelector(repositories="base/**"))
COMPLEX = ObservedImmutableRule(3, None)


def project(**spec: Any) -> Project:
    return Project.model_validate({"name": "team", **spec})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, TagSelector("**", "**")),
        ({"tagMatching": "v*"}, RELEASES),
        ({"repoMatching": "app/**", "tagExcluding": "dev*"}, TagSelector("app/**", "dev*", excludes_tags=True)),
        ({"repoExcluding": "cache/**"}, TagSelector("cache/**", excludes_repositories=True)),
    ],
    ids=str,
)
def test_an_absent_pattern_matches_everything(spec: dict[str, str], expected: TagSelector) -> None:
    assert plan_selector(ImmutableTagRule.model_validate(spec)) == expected


@pytest.mark.parametrize("pair", ["repo", "tag"])
def test_a_pattern_cannot_select_and_exclude(pair: str) -> None:
    with pytest.raises(ValueError, match="give at most one"):
        ImmutableTagRule.model_validate({f"{pair}Matching": "a", f"{pair}Excluding": "b"})


def test_missing_immutable_rules_are_added_once_and_others_stay() -> None:
    spec = project(immutableTags=[{"tagMatching": "v*"}, {"tagMatching": "v*"}])
    assert immutable_tag_changes(spec, [OTHER, COMPLEX]) == ImmutableTagChanges(add=(RELEASES,))
    assert not immutable_tag_changes(spec, [FOUND, OTHER, COMPLEX])


def test_a_disabled_immutable_rule_is_enabled_instead_of_added() -> None:
    spec = project(immutableTags=[{"tagMatching": "v*"}])
    disabled = ObservedImmutableRule(1, RELEASES, is_disabled=True)
    assert immutable_tag_changes(spec, [disabled]) == ImmutableTagChanges(enable=((disabled, RELEASES),))
    assert not immutable_tag_changes(spec, [disabled, ObservedImmutableRule(4, RELEASES)])


def test_unlisted_immutable_rules_are_removed_only_on_request() -> None:
    spec = project(immutableTags=[{"tagMatching": "v*"}], unlisted="Delete")
    assert immutable_tag_changes(spec, [FOUND, OTHER, COMPLEX]) == ImmutableTagChanges(remove=(OTHER, COMPLEX))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"mostRecentlyPushed": 10}, RetentionRule("latestPushedK", TagSelector(), 10)),
        ({"mostRecentlyPulled": 5}, RetentionRule("latestPulledN", TagSelector(), 5)),
        ({"nDaysSinceLastPush": 7}, RetentionRule("nDaysSinceLastPush", TagSelector(), 7)),
        ({"nDaysSinceLastPull": 30}, RetentionRule("nDaysSinceLastPull", TagSelector(), 30)),
        (
            {"alwaysRetain": True, "tagMatching": "v*", "untaggedArtifacts": False},
            RetentionRule("always", RELEASES, selects_untagged=False),
        ),
    ],
    ids=str,
)
def test_a_retention_rule_has_one_criterion(spec: dict[str, Any], expected: RetentionRule) -> None:
    retention = Retention.model_validate({"rules": [spec, spec], "schedule": "Daily"})
    assert plan_retention(retention) == DesiredRetention((expected,), "0 0 0 * * *")


@pytest.mark.parametrize("spec", [{}, {"mostRecentlyPushed": 1, "alwaysRetain": True}], ids=str)
def test_a_retention_rule_without_one_criterion_is_invalid(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give exactly one of `mostRecentlyPushed`"):
        Retention.model_validate({"rules": [spec]})


def test_a_retention_is_met_by_the_same_rules_in_any_order() -> None:
    first, second = RetentionRule("latestPushedK", TagSelector(), 10), RetentionRule("always", RELEASES)
    desired = DesiredRetention((first, second), "")
    assert desired.is_met_by(ObservedRetention((second, first), ""))
    for other in [((first,), ""), ((first, second, None), ""), ((first, second), "0 0 0 * * *")]:
        assert not desired.is_met_by(ObservedRetention(*other))
