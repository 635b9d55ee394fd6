"""CEL rules of the custom resource, with which the API server refuses a bad object at `kubectl apply`.

The models check the same, except for the rules that compare with the old object: an object that was stored before a
rule existed still has to be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harbor_operator.api import chart_source


class Rule(NamedTuple):
    """A CEL expression that must hold, and the message of the API server when it does not."""

    expression: str
    message: str


RULES: Mapping[str, tuple[Rule, ...]] = {
    "Storage": (
        Rule("has(self.swift) != has(self.filesystem)", "give exactly one of `swift` and `filesystem`"),
        Rule(
            "has(self.swift) == has(oldSelf.swift)",
            "the storage type is immutable: images written through one driver are unreadable through another",
        ),
    ),
    "Swift": (Rule("self.container == oldSelf.container", "`container` is immutable: it contains the images"),),
    "Cache": (
        Rule(
            "size(self.addresses) == 1 || (has(self.sentinelMaster) && self.sentinelMaster != '')",
            "several `addresses` mean Sentinel: set `sentinelMaster`, or give one address",
        ),
        Rule(
            "!(has(self.tls) && self.tls && has(self.sentinelMaster) && self.sentinelMaster != '')",
            "`tls` with `sentinelMaster` is broken in the chart's registry: use one of them",
        ),
    ),
    "PullCredential": (Rule("has(self.robot) != has(self.secretRef)", "give exactly one of `robot` and `secretRef`"),),
    "LabelExpression": (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "In and NotIn need `values`; Exists and DoesNotExist take none",
        ),
    ),
    "Expose": (
        Rule(
            "!has(self.ingressClassName) || self.ingressClassName == '' || !has(self.type) || self.type == 'ingress'",
            "`ingressClassName` is for type 'ingress' only",
        ),
    ),
    "Release": (
        Rule(
            f"!has(self.repository) || !self.repository.matches(r'{chart_source.LOGIN}')",
            chart_source.REPOSITORY_LOGIN_MESSAGE,
        ),
        Rule(
            f"!has(self.repository) || self.repository.matches(r'{chart_source.REPOSITORY}')",
            chart_source.REPOSITORY_MESSAGE,
        ),
        Rule(f"!has(self.chart) || !self.chart.matches(r'{chart_source.LOGIN}')", chart_source.CHART_LOGIN_MESSAGE),
        Rule(
            f"!has(self.chart) || !self.chart.startsWith('{chart_source.HTTP}')"
            f" || self.chart.matches(r'{chart_source.LOOPBACK_CHART}')",
            chart_source.CHART_HTTP_MESSAGE,
        ),
        Rule(
            "(has(self.name) ? self.name : '') == (has(oldSelf.name) ? oldSelf.name : '')",
            "`name` is immutable: a renamed release would be a second Harbor on the same data",
        ),
    ),
    "HarborRegistrySpec": (
        Rule(
            "!has(oldSelf.storage) || has(self.storage)",
            "`storage` cannot be removed: the chart would start over on an empty volume",
        ),
    ),
}
