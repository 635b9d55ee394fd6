"""How a cluster must look once nothing is left to do: what the injector is held to, on the fake and on a real server.

Nothing here is shared with the code under test but the shape of what was seen and the judgement of selectors, which
tests/contract/test_selection.py compares with the API server's own.
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
    """Everything that a cluster holds at one moment, as far as it matters."""

    namespaces: Mapping[str, ObservedNamespace]
    secrets: Mapping[Key, ObservedSecret]
    accounts: Mapping[Key, ObservedServiceAccount]

    def accounts_in(self, namespace: str) -> list[ObservedServiceAccount]:
        return [account for (place, _), account in self.accounts.items() if place == namespace]


@dataclass(frozen=True)
class Wishes:
    """What is asked of a cluster: by whom now, who asked before, and where a reference of ours may stay for good.

    It stays where a registry was told to keep what it had spread, and where somebody put a Secret of his own in the
    place of ours: a reference to that is not ours to remove.
    """

    declared: Sequence[DesiredInjection]
    owners: frozenset[str]
    names: frozenset[str]
    kept: frozenset[str] = frozenset()
    taken: frozenset[Key] = frozenset()

    def wanting(self, namespace: ObservedNamespace, name: str) -> list[DesiredInjection]:
        """The wishes for a Secret of that name in a namespace."""
        return [
            desired for desired in self.declared if desired.claim.secret_name == name and _is_meant(desired, namespace)
        ]


def breaches(cluster: Snapshot, wishes: Wishes) -> list[str]:
    """Everything that is not as the wishes ask."""
    return [
        f"{place}/{name}: {breach}"
        for place, namespace in cluster.namespaces.items()
        if not namespace.terminating
        for name in sorted(wishes.names)
        for breach in _judge(cluster, wishes, (place, name), wishes.wanting(namespace, name))
    ]


def tally(cluster: Snapshot, desired: DesiredInjection) -> tuple[int, int, int]:
    """How many open namespaces a wish is about, how many hold it, and how many cannot for somebody else's Secret."""
    places = [
        observed.name
        for observed in cluster.namespaces.values()
        if not observed.terminating and _is_meant(desired, observed)
    ]
    secrets = {place: cluster.secrets.get((place, desired.claim.secret_name)) for place in places}
    failed = [
        observed
        for observed in secrets.values()
        if observed is not None and observed.owner != desired.claim.registry_uid
    ]
    ready = [
        place for place, observed in secrets.items() if observed not in failed and _has_arrived(cluster, desired, place)
    ]
    return len(places), len(ready), len(failed)


def _has_arrived(cluster: Snapshot, desired: DesiredInjection, place: str) -> bool:
    return not _covers(desired, "default") or (place, "default") in cluster.accounts


def _is_meant(desired: DesiredInjection, namespace: ObservedNamespace) -> bool:
    return is_selected(desired.namespaces, namespace.name, namespace.labels)


def _covers(desired: DesiredInjection, account: str) -> bool:
    return bool({account, "*"} & set(desired.claim.service_accounts))


def _judge(cluster: Snapshot, wishes: Wishes, key: Key, wanting: Sequence[DesiredInjection]) -> Iterator[str]:
    observed = cluster.secrets.get(key)
    foreign = observed is not None and observed.owner not in wishes.owners
    owner = next(
        (desired for desired in wanting if observed is not None and desired.claim.registry_uid == observed.owner), None
    )
    if foreign:
        if any(desired.conflict_policy is ConflictPolicy.ADOPT for desired in wanting):
            yield "the Secret should have been adopted"
    elif observed is not None or wanting:
        yield from _judge_secret(observed, owner)
    for account in cluster.accounts_in(key[0]):
        # Of two that want one name, the one that came too late may have been there before: its references stay.
        kept = foreign or key in wishes.taken or key[1] in wishes.kept
        kept = kept or any(_covers(desired, account.name) for desired in wanting)
        needed = owner is not None and _covers(owner, account.name)
        yield from _judge_account(account, key[1], needed=needed, kept=kept)


def _judge_secret(observed: ObservedSecret | None, owner: DesiredInjection | None) -> Iterator[str]:
    if observed is None:
        yield "the Secret is missing"
    elif owner is None:
        yield f"the Secret of '{observed.owner}' is left behind"
    elif not observed.labelled or observed.digest != digest_of(encode(owner.docker_config.get_secret_value())):
        yield "the Secret is not right"


def _judge_account(account: ObservedServiceAccount, name: str, *, needed: bool, kept: bool) -> Iterator[str]:
    times = account.references.count(name)
    if times > 1:
        yield f"ServiceAccount '{account.name}' refers to it {times} times"
    if needed and not times:
        yield f"ServiceAccount '{account.name}' does not refer to it"
    if times and name in account.attached and not kept:
        yield f"the reference of ServiceAccount '{account.name}' is left behind"
