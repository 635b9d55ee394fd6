"""The claims of all registries, and what they mean in one namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.model.injection import (
    EVERY_ACCOUNT,
    ApplySecret,
    Claim,
    ClaimState,
    DesiredInjection,
    NamespaceClaim,
    NamespaceContent,
    NamespaceContents,
    PullSecret,
)
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.watch import Kind, Source
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.plan.selection import is_excluded, is_selected, needs_labels

NAMESPACES = Source(Kind.NAMESPACES)


@dataclass(frozen=True, slots=True)
class _SelectingClaim:
    """A declared claim: its meaning in selected namespaces, in all others, and where that cannot be decided."""

    selection: NamespaceSelection
    selected: NamespaceClaim
    unselected: NamespaceClaim
    undecided: NamespaceClaim
    contents: NamespaceContents | None = None

    def in_namespace(self, namespace: ObservedNamespace) -> NamespaceClaim:
        """Returns the claim on a namespace; nothing is written or removed if its labels decide and are not known."""
        selection, name, inject = self.selection, namespace.name, namespace.inject
        if namespace.oversized and needs_labels(selection) and not is_excluded(selection, name, inject):
            return self.undecided
        if not is_selected(selection, name, namespace.labels, inject):
            return self.unselected
        return self.selected if self.contents is None else self._with_content(self.contents.content(namespace))

    def _with_content(self, content: NamespaceContent | None) -> NamespaceClaim:
        if content is None:
            return self.unselected
        digest = _digest(content.docker_config) if content.docker_config else b""
        return replace(self.selected, digest=digest, waits=not content.ready, error=content.error)


def sources_for(claim: Claim) -> frozenset[Source]:
    """Returns the watches that show every object of a claim."""
    names = ("",) if EVERY_ACCOUNT in claim.service_accounts else claim.service_accounts
    return frozenset(
        {NAMESPACES, Source(Kind.SECRETS, claim.secret_name), *(Source(Kind.ACCOUNTS, name) for name in names)}
    )


def claim_in_state(claim: Claim, state: ClaimState) -> NamespaceClaim:
    """Returns the claim as it applies to one namespace."""
    return NamespaceClaim(
        claim.registry_uid, claim.secret_name, claim.service_accounts, state, registry=claim.registry_key
    )


class ClaimRegistry:
    """Holds the declared and the releasing claims; call `refresh` after a change and after a watch has synced."""

    def __init__(self) -> None:
        self._declared: dict[str, DesiredInjection] = {}
        self._releasing: dict[Claim, None] = {}
        self._released: set[Claim] = set()
        self._sources = frozenset({NAMESPACES})
        self._active: list[_SelectingClaim] = []
        self._inactive: list[NamespaceClaim] = []

    def declare(self, desired: DesiredInjection) -> bool:
        """Sets the desired state of a registry and releases its previous claim; False if nothing changed."""
        uid = desired.claim.registry_uid
        before = self._declared.get(uid)
        if before == desired:
            return False
        if before is not None and before.claim != desired.claim:
            self._releasing[before.claim] = None
        for other in list(self._declared.values()):
            # A registry was created again, and the end of the previous one was missed.
            if other.registry_key == desired.registry_key and other.claim.registry_uid != uid:
                del self._declared[other.claim.registry_uid]
        self._releasing.pop(desired.claim, None)
        self._released.discard(desired.claim)
        self._declared[uid] = desired
        return True

    def withdraw(self, claim: Claim) -> bool:
        """Releases a claim, and with it the desired state it belongs to; False if it is releasing or released."""
        if self.is_declared(claim):
            del self._declared[claim.registry_uid]
        elif claim in self._releasing or claim in self._released:
            return False
        self._releasing[claim] = None
        return True

    def abandon(self, registry_uid: str) -> bool:
        """Forgets the declared and releasing claims of a registry; False if there are none."""
        releasing = [claim for claim in self._releasing if claim.registry_uid == registry_uid]
        for claim in releasing:
            del self._releasing[claim]
        return self._declared.pop(registry_uid, None) is not None or bool(releasing)

    def settle(self, claim: Claim) -> None:
        """Ends the release of a claim of which nothing is left; its watches are no longer needed."""
        del self._releasing[claim]
        self._released.add(claim)

    def is_released(self, claim: Claim) -> bool:
        """Whether the release has ended."""
        return claim in self._released

    def is_declared(self, claim: Claim) -> bool:
        """Whether the claim is part of the desired state of its registry."""
        desired = self._declared.get(claim.registry_uid)
        return desired is not None and desired.claim == claim

    def desired(self, registry_uid: str) -> DesiredInjection | None:
        """Returns the desired state of a registry, if it has declared one."""
        return self._declared.get(registry_uid)

    def declared(self) -> tuple[DesiredInjection, ...]:
        """Returns the desired state of every registry."""
        return tuple(self._declared.values())

    def releasing(self) -> tuple[Claim, ...]:
        """Returns the claims whose release has not ended."""
        return tuple(self._releasing)

    def sources(self) -> frozenset[Source]:
        """Returns the watches that are needed, as of the last `refresh`; the same object until the next."""
        return self._sources

    def refresh(self, is_synced: Callable[[frozenset[Source]], bool]) -> None:
        """Derives the needed watches and the state of each claim; without synced watches a claim writes nothing."""
        claims = [*(desired.claim for desired in self._declared.values()), *self._releasing]
        self._sources = frozenset({NAMESPACES}).union(*(sources_for(claim) for claim in claims))
        self._active = [
            _selecting_claim(desired, synced=is_synced(sources_for(desired.claim)))
            for desired in self._declared.values()
        ]
        self._inactive = [_releasing_claim(claim, synced=is_synced(sources_for(claim))) for claim in self._releasing]

    def holder(self, secret_name: str) -> str | None:
        """Returns the uid of the registry that declared a claim with this Secret name."""
        held = (desired.claim for desired in self._declared.values() if desired.claim.secret_name == secret_name)
        return next((claim.registry_uid for claim in held), None)

    def claims(self, namespace: ObservedNamespace) -> list[NamespaceClaim]:
        """Returns the claims on a namespace, in a stable order."""
        return [claim.in_namespace(namespace) for claim in self._active] + self._inactive

    def pull_secret(self, action: ApplySecret, namespace: ObservedNamespace | None) -> PullSecret | None:
        """Returns the Secret to apply; None if its registry no longer claims that name, or has no content for it."""
        desired = self._declared.get(action.uid)
        if desired is None or desired.claim.secret_name != action.name:
            return None
        docker_config = desired.docker_config
        if desired.contents is not None:
            content = desired.contents.content(namespace) if namespace else None
            docker_config = content.docker_config if content and content.ready else None
        if docker_config is None:
            return None
        return PullSecret(action.name, action.uid, desired.registry_key, docker_config, action.adopted, action.replaces)

    def request_content(self, registry_uid: str, namespace: ObservedNamespace) -> None:
        """Has the content of a namespace prepared, which its plan waits for."""
        desired = self._declared.get(registry_uid)
        if desired is not None and desired.contents is not None:
            desired.contents.request(namespace)

    def wanted(self, registry_uid: str, namespace: ObservedNamespace) -> bool:
        """Whether a registry keeps its pull Secret in the namespace."""
        return any(claim.selected.uid == registry_uid and claim.in_namespace(namespace).keeps for claim in self._active)


def _selecting_claim(desired: DesiredInjection, *, synced: bool) -> _SelectingClaim:
    selected = replace(
        claim_in_state(desired.claim, ClaimState.ACTIVE if synced else ClaimState.SYNCING),
        digest=_digest(desired.docker_config) if desired.docker_config else b"",
        adopts=desired.conflict_policy is ConflictPolicy.ADOPT,
    )
    unselected = _releasing_claim(desired.claim, synced=synced)
    undecided = claim_in_state(desired.claim, ClaimState.SYNCING)
    contents = desired.contents if synced else None
    return _SelectingClaim(desired.namespaces, selected, unselected, undecided, contents)


def _digest(docker_config: SecretStr) -> bytes:
    return digest_of(encode(docker_config.get_secret_value()))


def _releasing_claim(claim: Claim, *, synced: bool) -> NamespaceClaim:
    return claim_in_state(claim, ClaimState.RELEASING if synced else ClaimState.RELEASE_PENDING)
