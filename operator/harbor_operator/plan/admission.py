"""The wish for the API server itself: a policy that gives a service account its reference in the moment of its birth.

The policy means exactly the accounts that the injector means, but for one thing: it never acts in `kube-*`, where a
mistake would reach the cluster's own controllers; what is selected there is served by the injector alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry, LabelSelector, PullSecrets
from harbor_operator.diagnosis.admission import foreign
from harbor_operator.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.plan.injection import EVERY_ACCOUNT
from harbor_operator.plan.patterns import translate

Spec = dict[str, Any]

NEVER = "kube-*"


class AdmissionKind(StrEnum):
    """What the policy consists of, in the order of creation: without its binding, a policy does nothing."""

    POLICY = "MutatingAdmissionPolicy"
    BINDING = "MutatingAdmissionPolicyBinding"


@dataclass(frozen=True, slots=True)
class AdmissionSeen:
    """A policy or a binding as the API server holds it."""

    uid: str
    revision: str
    labels: Mapping[str, str]
    spec: Spec


@dataclass(frozen=True, slots=True)
class AdmissionWish:
    """A policy or a binding as it shall be."""

    kind: AdmissionKind
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Spec

    def owns(self, seen: AdmissionSeen) -> bool:
        """Whether it was made for this registry."""
        return all(seen.labels.get(key) == value for key, value in self.labels.items())

    def obstacle(self, seen: AdmissionSeen) -> Blocked | None:
        """The reason to leave an object of that name alone."""
        return None if self.owns(seen) else foreign(self.kind, self.name)

    def is_met_by(self, seen: AdmissionSeen) -> bool:
        """Whether nothing has to be written; the spec holds every default of the server, so equal means equal."""
        return seen.spec == self.spec


def plan_admission(registry: HarborRegistry, section: PullSecrets) -> tuple[AdmissionWish, AdmissionWish]:
    """The policy and its binding, in the order of creation."""
    return _wish(registry, AdmissionKind.POLICY, _policy(section)), _wish(
        registry, AdmissionKind.BINDING, {"policyName": names.admission_policy(registry)}
    )


def acts_in(namespace: str) -> bool:
    """Whether a policy acts in a namespace of that name, as far as that does not depend on the registry."""
    return not fnmatchcase(namespace, NEVER)


def plan_no_admission(registry: HarborRegistry) -> tuple[AdmissionWish, AdmissionWish]:
    """Binding and policy by name and owner alone, in the order of removal."""
    return _wish(registry, AdmissionKind.BINDING, {}), _wish(registry, AdmissionKind.POLICY, {})


def _wish(registry: HarborRegistry, kind: AdmissionKind, spec: Spec) -> AdmissionWish:
    return AdmissionWish(
        kind=kind,
        name=names.admission_policy(registry),
        labels=names.cluster_labels(registry),
        annotations={names.REGISTRY_KEY: registry.key},
        spec=spec,
    )


def _policy(section: PullSecrets) -> Spec:
    return {
        # An account without its reference is repaired a moment later; one that cannot be made stops a whole namespace.
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": _selector(section.namespaces.selector),
            "objectSelector": {},
            "resourceRules": [_rule(section.service_accounts)],
        },
        "matchConditions": [
            {"name": "namespace-is-not-excluded", "expression": _is_not_excluded(section.namespaces.exclude)},
            {"name": "reference-is-missing", "expression": _is_missing(section.secret_name)},
        ],
        "variables": [{"name": "attached", "expression": _attached(section.secret_name)}],
        # One patch of two parts: an account has the reference and the note that it is ours, or neither.
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _mutation(section.secret_name)}}],
    }


def _selector(selector: LabelSelector) -> Spec:
    requirements = [_filled(requirement.model_dump(by_alias=True)) for requirement in selector.match_expressions]
    return _filled({"matchLabels": dict(selector.match_labels), "matchExpressions": requirements})


def _filled(fields: Spec) -> Spec:
    # The server leaves out what is empty.
    return {name: value for name, value in fields.items() if value}


def _rule(accounts: list[str]) -> Spec:
    rule: Spec = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["serviceaccounts"],
        "scope": "Namespaced",
    }
    return rule if EVERY_ACCOUNT in accounts else {**rule, "resourceNames": sorted(set(accounts))}


def _is_not_excluded(patterns: list[str]) -> str:
    wanted = [translate(pattern) for pattern in dict.fromkeys([NEVER, *patterns])]
    choice = "|".join(text for text in wanted if text is not None)
    return f"!request.namespace.matches({_quote(f'^({choice})$')})"


def _is_missing(secret_name: str) -> str:
    entry = f'entry.?name.orValue("") == {_quote(secret_name)}'
    return f"!object.?imagePullSecrets.orValue([]).exists(entry, {entry})"


def _attached(secret_name: str) -> str:
    note, name = _quote(names.ATTACHED), _quote(secret_name)
    others = f'.orValue("").split(",").filter(name, !(name in ["", {name}]))'
    return f"object.metadata.?annotations[?{note}]{others} + [{name}]"


def _mutation(secret_name: str) -> str:
    note, entry = _quote(names.ATTACHED), f"Object.imagePullSecrets{{name: {_quote(secret_name)}}}"
    attached = 'variables.attached.join(",")'
    add_entry = _add('"/imagePullSecrets/-"', entry)
    add_list = _add('"/imagePullSecrets"', f"[{entry}]")
    add_note = _add(f'"/metadata/annotations/" + jsonpatch.escapeKey({note})', attached)
    add_notes = _add('"/metadata/annotations"', f"{{{note}: {attached}}}")
    return (
        f"(has(object.imagePullSecrets) ? {add_entry} : {add_list})\n"
        f"+ (has(object.metadata.annotations) ? {add_note} : {add_notes})"
    )


def _add(path: str, value: str) -> str:
    return f'[JSONPatch{{op: "add", path: {path}, value: {value}}}]'


def _quote(text: str) -> str:
    # A JSON string is a CEL string, as long as nothing beyond the basic plane is in it: here everything is ASCII.
    return json.dumps(text)
