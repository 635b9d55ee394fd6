"""How a cluster must look once nothing is left to do: what the injector is held to, on the fake and on a real server.

Nothing here is shared with the code under test but the shape of what was seen and the judgement of selectors, which
tests/contract/test_selection.py compares with the API server's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harbor_operator.api.v1alpha1 import ConflictPolicy
from harbor_operator.plan.holding import AccountSeen, NamespaceSeen, SecretSeen, digest_of, encode
from harbor_operator.plan.selection import is_selected
from harbor_operator.ports.distribution import DistributionWish

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that a cluster holds at one moment, as far as it matters."""

    namespaces: Mapping[str, NamespaceSeen]
    secrets: Mapping[Key, SecretSeen]
    accounts: Mapping[Key, AccountSeen]

    def accounts_in(self, namespace: str) -> list[AccountSeen]:
        return [account for (place, _), account in self.accounts.items() if place == namespace]


@dataclass(frozen=True)
class Wishes:
    """What is asked of a cluster: by whom now, who asked before, and where a reference of ours may stay for good.

    It stays where a registry was told to keep what it had spread, and where somebody put a Secret of his own in the
    place of ours: a reference to that is not ours to remove.
    """

    declared: Sequence[DistributionWish]
    owners: frozenset[str]
    names: frozenset[str]
    kept: frozenset[str] = frozenset()
    taken: frozenset[Key] = frozenset()

    def wanting(self, namespace: NamespaceSeen, name: str) -> list[DistributionWish]:
        """The wishes for a Secret of that name in a namespace."""
        return [wish for wish in self.declared if wish.claim.secret_name == name and _is_meant(wish, namespace)]


def breaches(cluster: Snapshot, wishes: Wishes) -> list[str]:
    """Everything that is not as the wishes ask."""
    return [
        f"{place}/{name}: {breach}"
        for place, namespace in cluster.namespaces.items()
        if not namespace.terminating
        for name in sorted(wishes.names)
        for breach in _judge(cluster, wishes, (place, name), wishes.wanting(namespace, name))
    ]


def tally(cluster: Snapshot, wish: DistributionWish) -> tuple[int, int, int]:
    """How many open namespaces a wish is about, how many hold it, and how many cannot for somebody else's Secret."""
    places = [seen.name for seen in cluster.namespaces.values() if not seen.terminating and _is_meant(wish, seen)]
    secrets = {place: cluster.secrets.get((place, wish.claim.secret_name)) for place in places}
    failed = [seen for seen in secrets.values() if seen is not None and seen.owner != wish.claim.registry_uid]
    ready = [place for place, seen in secrets.items() if seen not in failed and _has_arrived(cluster, wish, place)]
    return len(places), len(ready), len(failed)


def _has_arrived(cluster: Snapshot, wish: DistributionWish, place: str) -> bool:
    return not _covers(wish, "default") or (place, "default") in cluster.accounts


def _is_meant(wish: DistributionWish, namespace: NamespaceSeen) -> bool:
    return is_selected(wish.namespaces, namespace.name, namespace.labels)


def _covers(wish: DistributionWish, account: str) -> bool:
    return bool({account, "*"} & set(wish.claim.service_accounts))


def _judge(cluster: Snapshot, wishes: Wishes, key: Key, wanting: Sequence[DistributionWish]) -> Iterator[str]:
    seen = cluster.secrets.get(key)
    foreign = seen is not None and seen.owner not in wishes.owners
    owner = next((wish for wish in wanting if seen is not None and wish.claim.registry_uid == seen.owner), None)
    if foreign:
        if any(wish.conflict_policy is ConflictPolicy.ADOPT for wish in wanting):
            yield "the Secret should have been adopted"
    elif seen is not None or wanting:
        yield from _judge_secret(seen, owner)
    for account in cluster.accounts_in(key[0]):
        # Of two that want one name, the one that came too late may have been there before: its references stay.
        kept = foreign or key in wishes.taken or key[1] in wishes.kept
        kept = kept or any(_covers(wish, account.name) for wish in wanting)
        needed = owner is not None and _covers(owner, account.name)
        yield from _judge_account(account, key[1], needed=needed, kept=kept)


def _judge_secret(seen: SecretSeen | None, owner: DistributionWish | None) -> Iterator[str]:
    if seen is None:
        yield "the Secret is missing"
    elif owner is None:
        yield f"the Secret of '{seen.owner}' is left behind"
    elif not seen.labelled or seen.digest != digest_of(encode(owner.docker_config.get_secret_value())):
        yield "the Secret is not right"


def _judge_account(account: AccountSeen, name: str, *, needed: bool, kept: bool) -> Iterator[str]:
    times = account.references.count(name)
    if times > 1:
        yield f"ServiceAccount '{account.name}' refers to it {times} times"
    if needed and not times:
        yield f"ServiceAccount '{account.name}' does not refer to it"
    if times and name in account.attached and not kept:
        yield f"the reference of ServiceAccount '{account.name}' is left behind"
