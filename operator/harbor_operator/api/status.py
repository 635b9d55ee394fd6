"""The models of the status; `harbor_operator.status` renders it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harbor_operator.api.base import Model
from harbor_operator.api.storage_migration import StorageMigrationStatus
from harbor_operator.api.upgrades import UpgradeStatus


class Condition(Model):
    """One observation, in the form of the Kubernetes API conventions."""

    type: str = Field(description="Type of the condition, for example DatabaseReady.")
    status: Literal["True", "False", "Unknown"] = Field(description="Status of the condition.")
    reason: str = Field(description="One word; docs/problems.md explains it.")
    message: str = Field(description="What was observed, and the remedy.")
    observed_generation: int = Field(description="Generation of the spec that was observed.")
    last_transition_time: str = Field(
        description="Time of the last change of the status.", json_schema_extra={"format": "date-time"}
    )


class WarningStatus(Model):
    """A non-blocking warning."""

    code: str = Field(description="One word; docs/problems.md explains it.")
    message: str = Field(description="What can fail later, and the remedy.")


class NamespaceFailureStatus(Model):
    """Why one namespace does not contain the pull Secret, or cannot pull with it."""

    namespace: str = Field(description="Name of the namespace.")
    reason: str = Field(description="One word; docs/problems.md explains it.")
    message: str = Field(description="What is wrong in the namespace, and the remedy.")


class PullSecretStatus(Model):
    """Progress of the pull Secret injection."""

    namespaces: int = Field(description="Number of selected namespaces.")
    ready: int = Field(
        description="Number of namespaces that contain the Secret and whose service accounts reference it."
    )
    failed: int = Field(description="Number of namespaces in which the operator cannot write the Secret.")
    summary: str = Field(description="'ready/namespaces', as kubectl prints it.")
    failures: list[NamespaceFailureStatus] = Field(
        default_factory=list, description="The first 20 failures, sorted by namespace."
    )
    secret_name: str = Field(default="", description="Name of the injected Secret.")
    service_accounts: list[str] = Field(default_factory=list, description="Service accounts that reference the Secret.")
    admission_policy: str | None = Field(
        default=None, description="Name of the MutatingAdmissionPolicy and of its binding, while they exist."
    )
    robot: str | None = Field(default=None, description="Login name of the robot in use.")
    expires_at: str | None = Field(default=None, description="Time at which the credential of the robot expires.")
    rotated_at: str | None = Field(default=None, description="Time at which the credential was last replaced.")
    last_handled_rotate_at: str | None = Field(
        default=None,
        description="Value of the annotation `harbor-operator.io/rotate-requested-at` that led to the present robot.",
    )
    last_handled_revoke_at: str | None = Field(
        default=None,
        description="Value of the annotation `harbor-operator.io/revoke-requested-at` that led to the present robot.",
    )


class ProjectRobotStatus(Model):
    """The robots of `spec.projects`."""

    robots: int = Field(description="Number of robots in the spec.")
    ready: int = Field(description="Number of robots that have a login.")
    expires_at: str | None = Field(default=None, description="Time at which the first of the logins expires.")
    last_handled_rotate_at: str | None = Field(
        default=None,
        description="Value of the annotation `harbor-operator.io/rotate-requested-at` that led to the present logins.",
    )
    last_handled_revoke_at: str | None = Field(
        default=None,
        description="Value of the annotation `harbor-operator.io/revoke-requested-at` that led to the present logins.",
    )


class CollectionRunStatus(Model):
    """One run of garbage collection."""

    id: int = Field(description="Number of the run in Harbor.")
    status: str = Field(description="Status in Harbor's words: Pending, Running, Success, Error or Stopped.")
    started_at: str = Field(description="Time at which the run started.")
    updated_at: str = Field(description="Time of the last change; of the end, if the run has ended.")
    freed_bytes: int | None = Field(default=None, description="Bytes that the run freed, as Harbor counts them.")
    dry_run: bool | None = Field(default=None, description="True if the run only counted.")


class StorageComparisonStatus(Model):
    """What Harbor and the storage held after a run of garbage collection."""

    run: int = Field(description="Number of the run.")
    image_bytes: int | None = Field(
        default=None, description="Bytes of all layers and manifests in Harbor's database, each counted once."
    )
    stored_bytes: int | None = Field(
        default=None,
        description="Bytes of all objects in the container, or below the prefix of the bucket; absent with another "
        "kind of storage, and with more than 20,000 objects in a bucket.",
    )


class GarbageCollectionStatus(Model):
    """Garbage collection in Harbor."""

    schedule: str | None = Field(default=None, description="Cron expression of the schedule in Harbor; absent = none.")
    last_run: CollectionRunStatus | None = Field(default=None, description="Newest run, scheduled or manual.")
    storage: StorageComparisonStatus | None = Field(
        default=None,
        description="Space after the newest run that succeeded.",
    )


class HarborRegistryStatus(Model):
    """The result of the last reconciliation."""

    observed_generation: int = Field(
        default=-1, description="Generation of the spec at the last reconciliation; -1 = none yet."
    )
    last_handled_reconcile_at: str | None = Field(
        default=None,
        description="Value of the annotation `harbor-operator.io/reconcile-requested-at`, or of Flux's "
        "`reconcile.fluxcd.io/requestedAt`, that the last reconciliation has handled.",
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Observations; Ready summarizes the others.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    chart_version: str | None = Field(default=None, description="Chart version of the deployed release.")
    chart_digest: str | None = Field(
        default=None, description="SHA-256 of the chart archive of the deployed release; absent for a directory."
    )
    chart_deployed_at: str | None = Field(
        default=None,
        description="Time at which `chartVersion` was deployed first; a backup that is older is of another version.",
        json_schema_extra={"format": "date-time"},
    )
    harbor_version: str | None = Field(default=None, description="Harbor version of the deployed release.")
    database_schema: int | None = Field(
        default=None,
        description="Last migration of Harbor's database, as its table `schema_migrations` has it; absent without "
        "`spec.database`.",
    )
    upgrade: UpgradeStatus | None = Field(
        default=None, description="Upgrades that lead to `spec.release.version`; absent if there is nothing to upgrade."
    )
    release_revision: int | None = Field(default=None, description="Revision of the Helm release.")
    storage_url: str | None = Field(default=None, alias="storageURL", description="Storage URL that passed the probe.")
    storage_proof: str | None = Field(
        default=None,
        description="Digest of `spec.storage.driver` or of `spec.storage.s3` with `ambientIdentity`, of its credential "
        "and of the release with which the registry has stored, returned and deleted a test image.",
    )
    storage_migration: StorageMigrationStatus | None = Field(
        default=None, description="Progress of `spec.storage.migration`; absent without one."
    )
    warnings: list[WarningStatus] = Field(
        default_factory=list, description="Non-blocking warnings: what can fail later."
    )
    pull_secrets: PullSecretStatus | None = Field(default=None, description="Progress of the pull Secret injection.")
    project_robots: ProjectRobotStatus | None = Field(default=None, description="The robots of `spec.projects`.")
    garbage_collection: GarbageCollectionStatus | None = Field(
        default=None, description="Schedule and last run of garbage collection."
    )
    untouched: bool | None = Field(
        default=None,
        description="True until the operator has read a Secret of the namespace: so far it has created nothing.",
    )
