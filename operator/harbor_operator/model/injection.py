"""What a registry wants in a namespace, the writes that bring it there, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.reasons import Reason

EVERY_ACCOUNT = "*"


class ApplySecret(msgspec.Struct, frozen=True):
    """Make the Secret what the registry wants; `replaces` is the uid of the one that is there, if there is one."""

    name: str
    uid: str
    adopted: bool = False
    replaces: str = ""


class DeleteSecret(msgspec.Struct, frozen=True):
    """Delete the Secret with exactly this uid; `remakes` if only to make it anew, because it cannot be changed."""

    name: str
    uid: str
    recreate: bool = False


class ClaimState(Enum):
    """What a registry asks of one namespace."""

    WANTS = "holds the Secret and the references"
    GUARDS = "would want them, but has not seen everything yet: nothing is taken away, nothing is brought"
    LETS_GO = "holds nothing of it any more"
    WAITS = "will let go once everything has been seen; may be succeeded already"


class NamespaceClaim(msgspec.Struct, frozen=True):
    """One registry's interest in one namespace."""

    uid: str
    secret_name: str
    accounts: tuple[str, ...]
    state: ClaimState
    digest: bytes = b""
    adopts: bool = False

    def covers(self, account: str) -> bool:
        """Whether the stake is about this service account."""
        return account in self.accounts or EVERY_ACCOUNT in self.accounts

    @property
    def keeps(self) -> bool:
        """Whether what it covers must stay."""
        return self.state in {ClaimState.WANTS, ClaimState.GUARDS}


class PatchServiceAccount(msgspec.Struct, frozen=True):
    """Give a service account that is still at this revision these references; `adds` if one of ours is missing."""

    account: ObservedServiceAccount
    attaches: bool

    @property
    def name(self) -> str:
        """Name of the service account."""
        return self.account.name


Write = ApplySecret | DeleteSecret | PatchServiceAccount


class ClaimStatus(msgspec.Struct, frozen=True):
    """How far one wish is in one namespace; without a reason it is `ready` or on its way."""

    uid: str
    ready: bool
    reason: Reason | None = None
    message: str = ""


class NamespacePlan(msgspec.Struct, frozen=True):
    """The next writes, independent of each other, and where every wish stands."""

    writes: tuple[Write, ...] = ()
    statuses: tuple[ClaimStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a registry calls its own in every namespace: one Secret name and the service accounts that refer to it."""

    registry_uid: str
    secret_name: str
    service_accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesiredInjection:
    """What every selected namespace shall hold; `docker_config` is the `.dockerconfigjson` text."""

    claim: Claim
    registry_key: str
    namespaces: NamespaceSelection
    conflict_policy: ConflictPolicy
    docker_config: SecretStr


@dataclass(frozen=True, slots=True)
class PullSecret:
    """The Secret that a namespace shall hold; with `replaces`, only in place of the one with that uid."""

    name: str
    registry_uid: str
    registry_key: str
    docker_config: SecretStr
    adopted: bool = False
    replaces: str = ""
