"""What registries want in a namespace, the actions that lead there, and the status of each claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import msgspec
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.reasons import Reason

EVERY_ACCOUNT = "*"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a registry owns in every selected namespace: one Secret name, and references in these service accounts.

    `registry_key` is the 'namespace/name' of the registry. It is not part of the identity of the claim.
    """

    registry_uid: str
    secret_name: str
    service_accounts: tuple[str, ...]
    registry_key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NamespaceContent:
    """The content of the pull Secret of one namespace.

    `docker_config` is None until its robot exists, and `ready` False until Harbor has accepted its password in this
    process. `error` says why that has failed.
    """

    docker_config: SecretStr | None = None
    ready: bool = False
    error: str = ""


class NamespaceContents(Protocol):
    """A content for each namespace. Both methods return at once."""

    def content(self, namespace: ObservedNamespace) -> NamespaceContent | None:
        """Returns the content for a namespace; None if it must have no pull Secret."""
        ...

    def request(self, namespace: ObservedNamespace) -> None:
        """Prepares the content in the background; the namespace is then planned again. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class DesiredContent:
    """The content of the pull Secrets: `docker_config` for all of them, or `contents` with one for each namespace.

    `version` says whether any of the latter has changed.
    """

    docker_config: SecretStr | None = None
    contents: NamespaceContents | None = None
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class DesiredInjection:
    """The desired state of every selected namespace.

    `docker_config` is the `.dockerconfigjson` text of all of them; None if `contents` has one for each, of which
    `contents_version` says whether any has changed.
    """

    claim: Claim
    registry_key: str
    namespaces: NamespaceSelection
    conflict_policy: ConflictPolicy
    docker_config: SecretStr | None
    contents: NamespaceContents | None = None
    contents_version: bytes = b""


@dataclass(frozen=True, slots=True)
class RemainingNamespaces:
    """Where something of a released claim remains: names of namespaces, sorted; not more than a message needs.

    In the `lingering` ones, the Secret is deleted and a finalizer of another client keeps it.
    """

    releasing: tuple[str, ...] = ()
    lingering: tuple[str, ...] = ()


class ClaimState(Enum):
    """What a claim means in one namespace."""

    ACTIVE = "the Secret and the references must exist"
    SYNCING = "like ACTIVE, but the caches are not synced: nothing is written, and nothing it covers is removed"
    RELEASING = "the Secret and the references must go"
    RELEASE_PENDING = "like RELEASING, but the caches are not synced; another registry may take the Secret over"


class NamespaceClaim(msgspec.Struct, frozen=True):
    """One registry's claim in one namespace; `digest` is that of the desired content.

    `registry` is the 'namespace/name' of the registry. With `waits`, the content cannot be written yet; `error` says
    what prevents it.
    """

    uid: str
    secret_name: str
    accounts: tuple[str, ...]
    state: ClaimState
    digest: bytes = b""
    adopts: bool = False
    registry: str = ""
    waits: bool = False
    error: str = ""

    def covers(self, account: str) -> bool:
        """Whether the claim includes this service account."""
        return account in self.accounts or EVERY_ACCOUNT in self.accounts

    @property
    def keeps(self) -> bool:
        """Whether the objects it covers must not be removed."""
        return self.state in {ClaimState.ACTIVE, ClaimState.SYNCING}


class ApplySecret(msgspec.Struct, frozen=True):
    """Apply the pull Secret of a registry; `replaces` is the uid of the existing Secret, empty if there is none."""

    name: str
    uid: str
    adopted: bool = False
    replaces: str = ""


class DeleteSecret(msgspec.Struct, frozen=True):
    """Delete the Secret with exactly this uid; with `recreate`, only because it is immutable and must be replaced."""

    name: str
    uid: str
    recreate: bool = False


class PatchServiceAccount(msgspec.Struct, frozen=True):
    """Replace the references of a service account that is still at this revision; `attaches` if one of ours is new."""

    account: ObservedServiceAccount
    attaches: bool

    @property
    def name(self) -> str:
        """Name of the service account."""
        return self.account.name


Action = ApplySecret | DeleteSecret | PatchServiceAccount


class ClaimStatus(msgspec.Struct, frozen=True):
    """Status of one claim in one namespace: ready, blocked for a reason, or in progress."""

    uid: str
    ready: bool
    reason: Reason | None = None
    message: str = ""


class NamespacePlan(msgspec.Struct, frozen=True):
    """The next actions, which do not depend on each other, and the status of every active claim.

    `waiting` are the registries whose content of this namespace must be prepared.
    """

    actions: tuple[Action, ...] = ()
    statuses: tuple[ClaimStatus, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullSecret:
    """The desired Secret of one namespace; with `replaces`, only in place of the Secret with that uid."""

    name: str
    registry_uid: str
    registry_key: str
    docker_config: SecretStr
    adopted: bool = False
    replaces: str = ""
