"""The required state of a cluster once the injector has nothing left to do, on the fake and on a real server.

This is independent of the code under test, except for the observed types and the selectors, which
tests/contract/test_selection.py compares with those of the API server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harbor_operator.api.v1alpha1 import ConflictPolicy
from harbor_operator.model.injection import DesiredInjection
from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.plan.selection import is_selected

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Snapshot:
    """The relevant objects of a cluster at one moment."""

    namespaces: Mapping[str, ObservedNamespace]
    secrets: Mapping[Key, ObservedSecret]
    accounts: Mapping[Key, ObservedServiceAccount]

    def accounts_in(self, namespace: str) -> list[ObservedServiceAccount]:
        return [account for (namespace_name, _), account in self.accounts.items() if namespace_name == namespace]


@dataclass(frozen=True)
class DesiredCluster:
    """The declared state, all registries (`owners`) and Secret names ever used, and where a reference may stay.

    A reference stays if its registry was abandoned (`kept` names), and if another client put its own Secret in the
    place of ours (`taken`): a reference to that Secret is not ours to remove.
    """

    declared: Sequence[DesiredInjection]
    owners: frozenset[str]
    names: frozenset[str]
    kept: frozenset[str] = frozenset()
    taken: frozenset[Key] = frozenset()

    def injections(self, namespace: ObservedNamespace, name: str) -> list[DesiredInjection]:
        """The desired injections of a Secret of that name into a namespace."""
        return [
            desired for desired in self.declared if desired.claim.secret_name == name and _selects(desired, namespace)
        ]


def violations(cluster: Snapshot, desired_cluster: DesiredCluster) -> list[str]:
    """Every difference between the cluster and its desired state."""
    return [
        f"{namespace_name}/{name}: {violation}"
        for namespace_name, namespace in cluster.namespaces.items()
        if not namespace.terminating
        for name in sorted(desired_cluster.names)
        for violation in _violations(
            cluster, desired_cluster, (namespace_name, name), desired_cluster.injections(namespace, name)
        )
    ]


def expected_counts(cluster: Snapshot, desired: DesiredInjection) -> tuple[int, int, int]:
    """The numbers of selected active namespaces, of ready ones, and of those blocked by a foreign Secret."""
    namespaces = [
        observed.name
        for observed in cluster.namespaces.values()
        if not observed.terminating and _selects(desired, observed)
    ]
    secrets = {
        namespace_name: cluster.secrets.get((namespace_name, desired.claim.secret_name))
        for namespace_name in namespaces
    }
    failed = [
        observed
        for observed in secrets.values()
        if observed is not None and observed.owner != desired.claim.registry_uid
    ]
    ready = [
        namespace_name
        for namespace_name, observed in secrets.items()
        if observed not in failed and _has_default_account(cluster, desired, namespace_name)
    ]
    return len(namespaces), len(ready), len(failed)


def _has_default_account(cluster: Snapshot, desired: DesiredInjection, namespace_name: str) -> bool:
    return not _covers(desired, "default") or (namespace_name, "default") in cluster.accounts


def _selects(desired: DesiredInjection, namespace: ObservedNamespace) -> bool:
    return is_selected(desired.namespaces, namespace.name, namespace.labels, namespace.inject)


def _covers(desired: DesiredInjection, account: str) -> bool:
    return bool({account, "*"} & set(desired.claim.service_accounts))


def _violations(
    cluster: Snapshot, desired_cluster: DesiredCluster, key: Key, injections: Sequence[DesiredInjection]
) -> Iterator[str]:
    observed = cluster.secrets.get(key)
    foreign = observed is not None and observed.owner not in desired_cluster.owners
    owner = next(
        (desired for desired in injections if observed is not None and desired.claim.registry_uid == observed.owner),
        None,
    )
    if foreign:
        if any(desired.conflict_policy is ConflictPolicy.ADOPT for desired in injections):
            yield "the Secret should have been adopted"
    elif observed is not None or injections:
        yield from _secret_violations(observed, owner)
    for account in cluster.accounts_in(key[0]):
        # Of two registries with one Secret name, the one without it may have had it before: its references stay.
        kept = foreign or key in desired_cluster.taken or key[1] in desired_cluster.kept
        kept = kept or (not account.opted_out and any(_covers(desired, account.name) for desired in injections))
        needed = owner is not None and _covers(owner, account.name) and not account.opted_out
        yield from _account_violations(account, key[1], needed=needed, kept=kept)


def _secret_violations(observed: ObservedSecret | None, owner: DesiredInjection | None) -> Iterator[str]:
    if observed is None:
        yield "the Secret is missing"
    elif owner is None:
        yield f"the Secret of '{observed.owner}' was not removed"
    elif not observed.labelled or observed.digest != _digest(owner):
        yield "the Secret is not right"


def _account_violations(account: ObservedServiceAccount, name: str, *, needed: bool, kept: bool) -> Iterator[str]:
    times = account.references.count(name)
    if times > 1:
        yield f"ServiceAccount '{account.name}' refers to it {times} times"
    if needed and not times:
        yield f"ServiceAccount '{account.name}' does not refer to it"
    if times and name in account.attached and not kept:
        yield f"the reference of ServiceAccount '{account.name}' was not removed"


def _digest(owner: DesiredInjection) -> bytes:
    assert owner.docker_config is not None
    return digest_of(encode(owner.docker_config.get_secret_value()))
