"""Wishes and withdrawn claims, and what they amount to in one namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.model.injection import (
    EVERY_ACCOUNT,
    ApplySecret,
    Claim,
    ClaimState,
    DesiredInjection,
    NamespaceClaim,
    PullSecret,
)
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.watch import Kind, Source
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.plan.selection import is_selected

NAMESPACES = Source(Kind.NAMESPACES)


@dataclass(frozen=True, slots=True)
class _DesiredClaim:
    selection: NamespaceSelection
    inside: NamespaceClaim
    outside: NamespaceClaim


def sources_for(claim: Claim) -> frozenset[Source]:
    """Returns the views without which nothing can be said about a claim."""
    names = ("",) if EVERY_ACCOUNT in claim.service_accounts else claim.service_accounts
    return frozenset(
        {NAMESPACES, Source(Kind.SECRETS, claim.secret_name), *(Source(Kind.ACCOUNTS, name) for name in names)}
    )


def claim_in_state(claim: Claim, state: ClaimState) -> NamespaceClaim:
    """Returns a claim as one stance in a namespace."""
    return NamespaceClaim(claim.registry_uid, claim.secret_name, claim.service_accounts, state)


class ClaimRegistry:
    """Who wants what where; call `refresh` after a change, or when a view has become complete."""

    def __init__(self) -> None:
        self._wishes: dict[str, DesiredInjection] = {}
        self._withdrawn: dict[Claim, None] = {}
        self._settled: set[Claim] = set()
        self._sources = frozenset({NAMESPACES})
        self._wanted: list[_DesiredClaim] = []
        self._leaving: list[NamespaceClaim] = []

    def declare(self, desired: DesiredInjection) -> bool:
        """Takes a wish; False if it was known. What the registry claimed before under other names is let go."""
        uid = desired.claim.registry_uid
        before = self._wishes.get(uid)
        if before == desired:
            return False
        if before is not None and before.claim != desired.claim:
            self._withdrawn[before.claim] = None
        self._withdrawn.pop(desired.claim, None)
        self._settled.discard(desired.claim)
        self._wishes[uid] = desired
        return True

    def withdraw(self, claim: Claim) -> bool:
        """Lets a claim go, with the wish if it is the wish's own; False if that was known."""
        desired = self._wishes.get(claim.registry_uid)
        if desired is not None and desired.claim == claim:
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
        desired = self._wishes.get(claim.registry_uid)
        return desired is not None and desired.claim == claim

    def declared(self) -> tuple[DesiredInjection, ...]:
        """Returns every declared wish."""
        return tuple(self._wishes.values())

    def sources(self) -> frozenset[Source]:
        """Returns every view that somebody needs, as of the last `refresh`; the same object until the next."""
        return self._sources

    def refresh(self, is_complete: Callable[[frozenset[Source]], bool]) -> None:
        """Works out anew what is to be seen, and who may act: only who has seen everything that concerns him."""
        claims = [*(desired.claim for desired in self._wishes.values()), *self._withdrawn]
        self._sources = frozenset({NAMESPACES}).union(*(sources_for(claim) for claim in claims))
        self._wanted = [
            _wanted(desired, observed=is_complete(sources_for(desired.claim))) for desired in self._wishes.values()
        ]
        self._leaving = [
            claim_in_state(claim, ClaimState.LETS_GO if is_complete(sources_for(claim)) else ClaimState.WAITS)
            for claim in self._withdrawn
        ]

    def claims(self, namespace: ObservedNamespace) -> list[NamespaceClaim]:
        """Returns who asks what of the namespace, in a fixed order."""
        wanted = [
            want.inside if is_selected(want.selection, namespace.name, namespace.labels) else want.outside
            for want in self._wanted
        ]
        return wanted + self._leaving

    def pull_secret(self, write: ApplySecret) -> PullSecret | None:
        """Returns the Secret behind a planned write; None if its registry wants none of that name any more."""
        desired = self._wishes.get(write.uid)
        if desired is None or desired.claim.secret_name != write.name:
            return None
        return PullSecret(
            write.name, write.uid, desired.registry_key, desired.docker_config, write.adopted, write.replaces
        )


def _wanted(desired: DesiredInjection, *, observed: bool) -> _DesiredClaim:
    digest = digest_of(encode(desired.docker_config.get_secret_value()))
    adopts = desired.conflict_policy is ConflictPolicy.ADOPT
    inside = replace(
        claim_in_state(desired.claim, ClaimState.WANTS if observed else ClaimState.GUARDS), digest=digest, adopts=adopts
    )
    return _DesiredClaim(
        desired.namespaces, inside, claim_in_state(desired.claim, ClaimState.LETS_GO if observed else ClaimState.WAITS)
    )
