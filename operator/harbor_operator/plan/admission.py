"""The wish for the API server itself: a policy that gives a service account its reference in the moment of its birth.

The policy means exactly the accounts that the injector means, but for one thing: it never acts in `kube-*`, where a
mistake would reach the cluster's own controllers; what is selected there is served by the injector alone.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from harbor_operator.api.v1alpha1 import HarborRegistry, LabelSelector, PullSecrets
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, Spec
from harbor_operator.model.injection import EVERY_ACCOUNT
from harbor_operator.plan import names
from harbor_operator.plan.patterns import translate

NEVER = "kube-*"


def plan_admission(registry: HarborRegistry, section: PullSecrets) -> tuple[DesiredPolicy, DesiredPolicy]:
    """The policy and its binding, in the order of creation."""
    return _wish(registry, AdmissionKind.POLICY, _policy(section)), _wish(
        registry, AdmissionKind.BINDING, {"policyName": names.admission_policy(registry)}
    )


def acts_in(namespace: str) -> bool:
    """Whether a policy acts in a namespace of that name, as far as that does not depend on the registry."""
    return not fnmatchcase(namespace, NEVER)


def plan_no_admission(registry: HarborRegistry) -> tuple[DesiredPolicy, DesiredPolicy]:
    """Binding and policy by name and owner alone, in the order of removal."""
    return _wish(registry, AdmissionKind.BINDING, {}), _wish(registry, AdmissionKind.POLICY, {})


def _wish(registry: HarborRegistry, kind: AdmissionKind, spec: Spec) -> DesiredPolicy:
    return DesiredPolicy(
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
