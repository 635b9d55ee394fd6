"""The desired policies of a project, and the smallest set of writes that creates them."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.api import project_policies as api
from harbor_operator.api.projects import Project, Unlisted
from harbor_operator.model.project_policies import (
    EVERYTHING,
    DesiredRetention,
    ImmutableTagChanges,
    ObservedImmutableRule,
    RetentionRule,
    TagSelector,
)
from harbor_operator.plan.schedules import plan_cron


def plan_selector(selection: api.TagSelection) -> TagSelector:
    """Returns the selection in Harbor's terms."""
    return TagSelector(
        repositories=selection.repo_matching or selection.repo_excluding or EVERYTHING,
        tags=selection.tag_matching or selection.tag_excluding or EVERYTHING,
        excludes_repositories=selection.repo_excluding is not None,
        excludes_tags=selection.tag_excluding is not None,
    )


def immutable_tag_changes(project: Project, observed: Sequence[ObservedImmutableRule]) -> ImmutableTagChanges:
    """Returns which rules to add, to enable, and to remove.

    A rule has no name: its selector identifies it. So a rule that changes in the spec is a new one, and the one before
    is not listed any more.
    """
    desired = dict.fromkeys(plan_selector(rule) for rule in project.immutable_tags)
    enabled = {rule.selector for rule in observed if not rule.is_disabled}
    disabled = {rule.selector: rule for rule in observed if rule.is_disabled}
    missing = [selector for selector in desired if selector not in enabled]
    surplus = [rule for rule in observed if rule.selector not in desired]
    return ImmutableTagChanges(
        add=tuple(selector for selector in missing if selector not in disabled),
        enable=tuple((disabled[selector], selector) for selector in missing if selector in disabled),
        remove=tuple(surplus) if project.unlisted is Unlisted.DELETE else (),
    )


def plan_retention(retention: api.Retention) -> DesiredRetention:
    """Returns the retention in Harbor's terms; a rule that is listed twice is one."""
    return DesiredRetention(
        rules=tuple(dict.fromkeys(_retention_rule(rule) for rule in retention.rules)),
        cron=plan_cron(retention.schedule),
    )


def _retention_rule(rule: api.RetentionRule) -> RetentionRule:
    # Harbor's names of the criteria: `TemplateID` in src/pkg/retention/policy/rule.
    criteria = {
        "latestPushedK": rule.most_recently_pushed,
        "latestPulledN": rule.most_recently_pulled,
        "nDaysSinceLastPush": rule.n_days_since_last_push,
        "nDaysSinceLastPull": rule.n_days_since_last_pull,
    }
    template, limit = next(((name, limit) for name, limit in criteria.items() if limit is not None), ("always", None))
    return RetentionRule(template, plan_selector(rule), limit, rule.untagged_artifacts)
