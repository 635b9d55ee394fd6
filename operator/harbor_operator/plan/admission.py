"""The MutatingAdmissionPolicy that adds the imagePullSecret to a service account at its creation.

The policy selects the same service accounts as the injector, except in `kube-*`: there a wrong policy would affect the
cluster's own controllers, so the injector alone serves the selected service accounts.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from harbor_operator.api.v1alpha1 import HarborRegistry, LabelSelector, NamespaceSelection, PullSecrets
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, Spec
from harbor_operator.model.injection import EVERY_ACCOUNT
from harbor_operator.plan import names
from harbor_operator.plan.patterns import translate
from harbor_operator.plan.selection import SYSTEM_NAMESPACES, excluded_patterns

EXCLUDED_NAMESPACES = SYSTEM_NAMESPACES
_ENABLED = f'== "{names.INJECT_ENABLED}"'
_NOT_DISABLED = f'!= "{names.INJECT_DISABLED}"'


def plan_admission(registry: HarborRegistry, section: PullSecrets) -> tuple[DesiredPolicy, DesiredPolicy]:
    """Returns the policy and its binding, in the order of creation."""
    binding = {"policyName": names.admission_policy(registry)}
    return _desired(registry, AdmissionKind.POLICY, _policy(section)), _desired(
        registry, AdmissionKind.BINDING, binding
    )


def acts_in(namespace: str) -> bool:
    """Whether the policy of any registry can act in a namespace of this name."""
    return not fnmatchcase(namespace, EXCLUDED_NAMESPACES)


def plan_no_admission(registry: HarborRegistry) -> tuple[DesiredPolicy, DesiredPolicy]:
    """Returns the binding and the policy by name and owner, without a spec, in the order of removal."""
    return _desired(registry, AdmissionKind.BINDING, {}), _desired(registry, AdmissionKind.POLICY, {})


def _desired(registry: HarborRegistry, kind: AdmissionKind, spec: Spec) -> DesiredPolicy:
    return DesiredPolicy(
        kind=kind,
        name=names.admission_policy(registry),
        labels=names.cluster_labels(registry),
        annotations={names.REGISTRY_KEY: registry.key},
        spec=spec,
    )


def _policy(section: PullSecrets) -> Spec:
    return {
        # The injector adds a missing reference later. A service account that the API server refuses to create would
        # stop every workload of its namespace.
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
            {"name": "account-has-not-opted-out", "expression": _inject("object", _NOT_DISABLED)},
            {"name": "reference-is-missing", "expression": _is_missing(section.secret_name)},
        ],
        "variables": [
            # The API server has no `namespaceObject` for conditions.
            {"name": "chosen", "expression": _is_chosen(section.namespaces)},
            {"name": "attached", "expression": _attached(section.secret_name)},
        ],
        # One patch adds the reference and the annotation that marks it as ours: a service account has both or neither.
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _mutation(section.secret_name)}}],
    }


def _selector(selector: LabelSelector) -> Spec:
    requirements = [_without_empty(requirement.model_dump(by_alias=True)) for requirement in selector.match_expressions]
    return _without_empty({"matchLabels": dict(selector.match_labels), "matchExpressions": requirements})


def _without_empty(fields: Spec) -> Spec:
    # The API server drops empty fields.
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
    translated = [translate(pattern) for pattern in dict.fromkeys([EXCLUDED_NAMESPACES, *excluded_patterns(patterns)])]
    alternatives = "|".join(text for text in translated if text is not None)
    return f"!request.namespace.matches({_quote(f'^({alternatives})$')})"


def _is_chosen(selection: NamespaceSelection) -> str:
    return _inject("namespaceObject", _ENABLED if selection.opt_in else _NOT_DISABLED)


def _inject(variable: str, comparison: str) -> str:
    return f'{variable}.metadata.?annotations[?{_quote(names.INJECT)}].orValue("") {comparison}'


def _is_missing(secret_name: str) -> str:
    entry = f'entry.?name.orValue("") == {_quote(secret_name)}'
    return f"!object.?imagePullSecrets.orValue([]).exists(entry, {entry})"


def _attached(secret_name: str) -> str:
    annotation, name = _quote(names.ATTACHED), _quote(secret_name)
    others = f'.orValue("").split(",").filter(name, !(name in ["", {name}]))'
    return f"object.metadata.?annotations[?{annotation}]{others} + [{name}]"


def _mutation(secret_name: str) -> str:
    # A map: Kubernetes 1.36 ends every request with a panic if a list contains an `Object` (cel-go 0.26).
    annotation, entry = _quote(names.ATTACHED), f'{{"name": {_quote(secret_name)}}}'
    attached = 'variables.attached.join(",")'
    add_entry = _add('"/imagePullSecrets/-"', entry)
    add_list = _add('"/imagePullSecrets"', f"[{entry}]")
    add_annotation = _add(f'"/metadata/annotations/" + jsonpatch.escapeKey({annotation})', attached)
    add_annotations = _add('"/metadata/annotations"', f"{{{annotation}: {attached}}}")
    return (
        f"!variables.chosen ? [] : (has(object.imagePullSecrets) ? {add_entry} : {add_list})\n"
        f"+ (has(object.metadata.annotations) ? {add_annotation} : {add_annotations})"
    )


def _add(path: str, value: str) -> str:
    return f'[JSONPatch{{op: "add", path: {path}, value: {value}}}]'


def _quote(text: str) -> str:
    # A JSON string is a CEL string as long as it is ASCII, which names and annotation keys are.
    return json.dumps(text)
