"""What a step returns: one of four outcomes, with the facts and warnings it observed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from harbor_operator.model.schedules import JobRun, StorageComparison
from harbor_operator.model.upgrades import UpgradeFacts
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
    """A non-blocking warning, shown in `status.warnings`."""

    code: Reason
    message: str


@dataclass(frozen=True, slots=True)
class NamespaceFailure:
    """Why one namespace does not have its pull Secret."""

    namespace: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """The pull credential in use; `robot` is the login name of the operator's robot.

    The requests are the last values of the annotations `rotate-requested-at` and `revoke-requested-at` that led to it.
    """

    robot: str | None = None
    expires_at: datetime | None = None
    rotated_at: datetime | None = None
    rotate_request: str = ""
    revoke_request: str = ""


@dataclass(frozen=True, slots=True)
class PullSecretFacts:
    """How many of the selected namespaces have the pull Secret; `forbidden` of the failed ones allow no writes."""

    namespaces: int
    ready: int
    failed: int
    failures: tuple[NamespaceFailure, ...] = ()
    secret_name: str = ""
    service_accounts: tuple[str, ...] = ()
    admission_policy: str = ""
    credential: CredentialFacts = CredentialFacts()
    conflicts: tuple[str, ...] = ()
    missed_by_policy: int = 0
    forbidden: int = 0


@dataclass(frozen=True, slots=True)
class ProjectRobotFacts:
    """How many robots of projects the spec has, how many have a login, and which of the logins ends first.

    The requests are the last ones that each of the robots has answered.
    """

    robots: int = 0
    ready: int = 0
    expires_at: datetime | None = None
    rotate_request: str = ""
    revoke_request: str = ""


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """The cron expression of garbage collection (empty = none), its newest run, and the space after the last one."""

    cron: str
    last_run: JobRun | None = None
    storage: StorageComparison | None = None


@dataclass(frozen=True, slots=True)
class StorageMigrationFacts:
    """How far the migration of the storage is, in words and numbers of the status; an empty `phase` = there is none."""

    phase: str = ""
    source: str = ""
    target: str = ""
    objects: int = 0
    total_objects: int = 0
    bytes: int = 0
    total_bytes: int = 0
    objects_per_second: int | None = None
    bytes_per_second: int | None = None
    seconds_left: int | None = None


@dataclass(frozen=True, slots=True)
class StuckPodFacts:
    """Stuck pods that the operator does not evict; `unable` is the reason why it cannot."""

    left: tuple[str, ...] = ()
    unable: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What status reports beside conditions; None means that this step reports nothing about it."""

    chart_version: str | None = None
    harbor_version: str | None = None
    release_revision: int | None = None
    storage_url: str | None = None
    chart_digest: str | None = None
    storage_proof: str | None = None
    pull_secrets: PullSecretFacts | None = None
    project_robots: ProjectRobotFacts | None = None
    garbage_collection: CollectionFacts | None = None
    chart_deployed_at: datetime | None = None
    upgrade: UpgradeFacts | None = None
    database_schema: int | None = None
    storage_migration: StorageMigrationFacts | None = None


NOTHING = Facts()


@dataclass(frozen=True, slots=True)
class Done:
    """Observed, and as desired; `changes` are what the pass has changed to make it so, each for an event."""

    message: str
    reason: Reason = Reason.CONVERGED
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed(Done):
    """Done by a teardown: the data that it was responsible for no longer exist."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Observed, and in progress; `requeue_after` is in seconds, `changes` are what the pass has changed elsewhere."""

    reason: Reason
    message: str
    requeue_after: float = 5.0
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not observed: a backend is down, or a condition it depends on is not met; `requeue_after` is in seconds."""

    reason: Reason
    message: str
    requeue_after: float = 10.0
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """Observed, and needs a manual change; `changes` are what the pass has changed elsewhere."""

    reason: Reason
    message: str
    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = field(default=())
    changes: tuple[str, ...] = ()


Outcome = Done | Pending | Unknown | Blocked

NOT_REQUESTED = Done("not requested by the spec", Reason.NOT_REQUESTED)
