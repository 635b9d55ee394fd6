"""What a step saw: four outcomes, and the facts and warnings that travel with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from harbor_operator.reasons import Reason


class ConditionType(StrEnum):
    """The condition a step owns; the value is the condition's type."""

    DATABASE = "DatabaseReady"
    CACHE = "CacheReady"
    STORAGE = "StorageReady"
    RELEASE = "ReleaseReady"
    REACHABILITY = "RegistryReachable"
    CONFIGURATION = "Configured"
    PULL_SECRETS = "PullSecretsReady"


@dataclass(frozen=True, slots=True)
class StatusWarning:
    """Something true that is fine today and will hurt one day; shown in `status.warnings`."""

    code: Reason
    message: str


@dataclass(frozen=True, slots=True)
class NamespaceFailure:
    """Why one namespace does not hold its pull Secret."""

    namespace: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class PullSecretFacts:
    """How far the pull Secrets have spread."""

    namespaces: int
    ready: int
    failed: int
    failures: tuple[NamespaceFailure, ...] = ()
    secret_name: str = ""
    service_accounts: tuple[str, ...] = ()
    admission_policy: str = ""
    robot: str | None = None
    expires_at: datetime | None = None
    rotated_at: datetime | None = None
    conflicts: tuple[str, ...] = ()
    missed_by_policy: int = 0


@dataclass(frozen=True, slots=True)
class StuckPodFacts:
    """Pods that were made too early and that nobody rescues; `unable` says what the server does not let us do."""

    left: tuple[str, ...] = ()
    unable: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What status reports beside conditions; None = this step has nothing to say about it."""

    chart_version: str | None = None
    harbor_version: str | None = None
    release_revision: int | None = None
    storage_url: str | None = None
    pull_secrets: PullSecretFacts | None = None


NOTHING = Facts()


@dataclass(frozen=True, slots=True)
class Done:
    """Looked, and it is right."""

    message: str
    reason: Reason = Reason.CONVERGED
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Looked, and it is on its way; `again` is when to look next, in seconds."""

    reason: Reason
    message: str
    requeue_after: float = 5.0
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not look: the backend is down or an aspect it needs is not there yet."""

    reason: Reason
    message: str
    requeue_after: float = 10.0
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """Will not happen until somebody changes something."""

    reason: Reason
    message: str
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = field(default=())


Outcome = Done | Pending | Unknown | Blocked

NOT_REQUESTED = Done("not requested by the spec", Reason.NOT_REQUESTED)
