"""Checks of who may inject: the grant of the administrator, and the one registry that holds a Secret name.

A registry holds the name that it injects, or of which its status says that it was injected. Neither its age nor its
policy gives it a name that another one holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.model.outcomes import Blocked, ConditionType
from harbor_operator.reasons import Reason

SETTING = "HARBOR_OPERATOR_INJECTION_NAMESPACES"

_DEFAULT_NAME = str(PullSecrets.model_fields["secret_name"].default)
_NOT_HOLDING = {Reason.SECRET_NAME_TAKEN, Reason.INJECTION_NOT_GRANTED, Reason.SUSPENDED}


def not_granted(registry: HarborRegistry) -> Blocked:
    """Returns the outcome for a registry in a namespace without a grant."""
    return Blocked(
        Reason.INJECTION_NOT_GRANTED,
        f"the operator injects nothing for registries in namespace '{registry.metadata.namespace}', because a pull "
        f"Secret reaches every selected namespace of the cluster: the administrator of the operator can add the "
        f"namespace to its setting `{SETTING}`; else remove `spec.pullSecrets`. Secrets that exist stay",
    )


def check_secret_name(
    registry: HarborRegistry, secret_name: str, granted: Iterable[Mapping[str, Any]], holder: str | None
) -> Blocked | None:
    """Returns a block if another of the granted registries holds the Secret name.

    `holder` is the uid of the registry that injects this name now; None if none does, as after a start. Then the status
    decides. A registry that is suspended or being deleted holds nothing.
    """
    uid = registry.metadata.uid
    if holder == uid:
        return None
    rivals, is_holding = [], False
    for manifest in granted:
        if not _wants(manifest, secret_name):
            continue
        if manifest["metadata"].get("uid") == uid:
            is_holding = _holds(manifest, secret_name)
        elif manifest["metadata"].get("uid") == holder or (holder is None and _holds(manifest, secret_name)):
            rivals.append(manifest)
    if is_holding and holder is None:
        # Two statuses name the same Secret, for example after a restore: the same one wins at every start.
        own = (registry.metadata.creation_timestamp, registry.key)
        rivals = [rival for rival in rivals if _order(rival) < own]
    return secret_name_taken(_order(rivals[0])[1], secret_name) if rivals else None


def find_successors(
    registry: HarborRegistry, secret_names: Collection[str], granted: Iterable[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Returns the uids of the registries that can take over a Secret of one of these names from a deleted registry."""
    uids = (
        str(other["metadata"].get("uid"))
        for other in granted
        if any(_wants(other, secret_name) for secret_name in secret_names)
    )
    return tuple(uid for uid in uids if uid != registry.metadata.uid)


def secret_name_taken(holder_key: str, secret_name: str) -> Blocked:
    """Returns the outcome for a registry whose Secret name another one holds; `holder_key` is empty if unknown."""
    holder = f"HarborRegistry '{holder_key}'" if holder_key else "another HarborRegistry"
    return Blocked(
        Reason.SECRET_NAME_TAKEN,
        f"{holder} already injects Secret '{secret_name}': set another name in `spec.pullSecrets.secretName`",
    )


def _wants(manifest: Mapping[str, Any], secret_name: str) -> bool:
    # Reads the raw object: a HarborRegistry whose spec does not parse must not lose its name.
    spec = manifest.get("spec") or {}
    section = spec.get("pullSecrets")
    if manifest["metadata"].get("deletionTimestamp") or spec.get("suspend") or not isinstance(section, Mapping):
        return False
    return str(section.get("secretName", _DEFAULT_NAME)) == secret_name


def _holds(manifest: Mapping[str, Any], secret_name: str) -> bool:
    status = manifest.get("status") or {}
    reasons = {
        condition.get("reason")
        for condition in status.get("conditions") or []
        if condition.get("type") in {ConditionType.PULL_SECRETS, "Ready"}
    }
    injected = (status.get("pullSecrets") or {}).get("secretName")
    return injected == secret_name and reasons.isdisjoint(_NOT_HOLDING)


def _order(manifest: Mapping[str, Any]) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return str(metadata.get("creationTimestamp", "")), f"{metadata['namespace']}/{metadata['name']}"
