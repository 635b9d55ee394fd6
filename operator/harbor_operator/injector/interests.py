"""Wishes and withdrawn claims, and what they amount to in one namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.plan.holding import NamespaceSeen, digest_of, encode
from harbor_operator.plan.injection import EVERY_ACCOUNT, ApplySecret, Stake, Stance
from harbor_operator.plan.selection import is_selected
from harbor_operator.ports.cluster import Kind, PullSecret, Source
from harbor_operator.ports.distribution import Claim, DistributionWish

NAMESPACES = Source(Kind.NAMESPACES)


@dataclass(frozen=True, slots=True)
class _Wanted:
    selection: NamespaceSelection
    inside: Stake
    outside: Stake


def sources_of(claim: Claim) -> frozenset[Source]:
    """Returns the views without which nothing can be said about a claim."""
    names = ("",) if EVERY_ACCOUNT in claim.service_accounts else claim.service_accounts
    return frozenset(
        {NAMESPACES, Source(Kind.SECRETS, claim.secret_name), *(Source(Kind.ACCOUNTS, name) for name in names)}
    )


def stake_of(claim: Claim, stance: Stance) -> Stake:
    """Returns a claim as one stance in a namespace."""
    return Stake(claim.registry_uid, claim.secret_name, claim.service_accounts, stance)


class Interests:
    """Who wants what where; call `refresh` after a change, or when a view has become complete."""

    def __init__(self) -> None:
        self._wishes: dict[str, DistributionWish] = {}
        self._withdrawn: dict[Claim, None] = {}
        self._settled: set[Claim] = set()
        self._sources = frozenset({NAMESPACES})
        self._wanted: list[_Wanted] = []
        self._leaving: list[Stake] = []

    def declare(self, wish: DistributionWish) -> bool:
        """Takes a wish; False if it was known. What the registry claimed before under other names is let go."""
        uid = wish.claim.registry_uid
        before = self._wishes.get(uid)
        if before == wish:
            return False
        if before is not None and before.claim != wish.claim:
            self._withdrawn[before.claim] = None
        self._withdrawn.pop(wish.claim, None)
        self._settled.discard(wish.claim)
        self._wishes[uid] = wish
        return True

    def withdraw(self, claim: Claim) -> bool:
        """Lets a claim go, with the wish if it is the wish's own; False if that was known."""
        wish = self._wishes.get(claim.registry_uid)
        if wish is not None and wish.claim == claim:
            del self._wishes[claim.registry_uid]
        elif claim in self._withdrawn or claim in self._settled:
            return False
        self._withdrawn[claim] = None
        return True

    def abandon(self, registry_uid: str) -> bool:
        """Forgets the wish and the withdrawn claims of a registry; False if there was nothing."""
        mine = [claim for claim in self._withdrawn if claim.registry_uid == registry_uid]
        for claim in mine:
            del self._withdrawn[claim]
        return self._wishes.pop(registry_uid, None) is not None or bool(mine)

    def settle(self, claim: Claim) -> bool:
        """Ends the interest in a withdrawn claim of which nothing is left, and its watches; False if it had ended."""
        if claim not in self._withdrawn:
            return False
        del self._withdrawn[claim]
        self._settled.add(claim)
        return True

    def is_settled(self, claim: Claim) -> bool:
        """Whether nothing was left of the claim when it was last looked at."""
        return claim in self._settled

    def is_declared(self, claim: Claim) -> bool:
        """Whether the claim is that of a declared wish."""
        wish = self._wishes.get(claim.registry_uid)
        return wish is not None and wish.claim == claim

    def declared(self) -> tuple[DistributionWish, ...]:
        """Returns every declared wish."""
        return tuple(self._wishes.values())

    def sources(self) -> frozenset[Source]:
        """Returns every view that somebody needs, as of the last `refresh`; the same object until the next."""
        return self._sources

    def refresh(self, is_complete: Callable[[frozenset[Source]], bool]) -> None:
        """Works out anew what is to be seen, and who may act: only who has seen everything that concerns him."""
        claims = [*(wish.claim for wish in self._wishes.values()), *self._withdrawn]
        self._sources = frozenset({NAMESPACES}).union(*(sources_of(claim) for claim in claims))
        self._wanted = [_wanted(wish, seen=is_complete(sources_of(wish.claim))) for wish in self._wishes.values()]
        self._leaving = [
            stake_of(claim, Stance.LETS_GO if is_complete(sources_of(claim)) else Stance.WAITS)
            for claim in self._withdrawn
        ]

    def stakes(self, namespace: NamespaceSeen) -> list[Stake]:
        """Returns who asks what of the namespace, in a fixed order."""
        wanted = [
            want.inside if is_selected(want.selection, namespace.name, namespace.labels) else want.outside
            for want in self._wanted
        ]
        return wanted + self._leaving

    def pull_secret(self, write: ApplySecret) -> PullSecret | None:
        """Returns the Secret behind a planned write; None if its registry wants none of that name any more."""
        wish = self._wishes.get(write.uid)
        if wish is None or wish.claim.secret_name != write.name:
            return None
        return PullSecret(write.name, write.uid, wish.registry_key, wish.docker_config, write.adopted, write.replaces)


def _wanted(wish: DistributionWish, *, seen: bool) -> _Wanted:
    digest = digest_of(encode(wish.docker_config.get_secret_value()))
    adopts = wish.conflict_policy is ConflictPolicy.ADOPT
    inside = replace(stake_of(wish.claim, Stance.WANTS if seen else Stance.GUARDS), digest=digest, adopts=adopts)
    return _Wanted(wish.namespaces, inside, stake_of(wish.claim, Stance.LETS_GO if seen else Stance.WAITS))
