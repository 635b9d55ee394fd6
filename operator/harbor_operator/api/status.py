"""The status as clients read it; `harbor_operator.status` renders it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harbor_operator.api.base import Model


class Condition(Model):
    """One observation in the standard form of Kubernetes."""

    type: str = Field(description="What is observed, for example DatabaseReady.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(description="One word from the list in docs/problems.md.")
    message: str = Field(description="What was seen, and what to do about it.")
    observed_generation: int = Field(description="Generation of the spec this was observed for.")
    last_transition_time: str = Field(
        description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )


class WarningStatus(Model):
    """A non-blocking warning."""

    code: str = Field(description="One word from the list in docs/problems.md.")
    message: str = Field(description="What will hurt, and what to do before it does.")


class NamespaceFailureStatus(Model):
    """Why one namespace does not have its pull Secret."""

    namespace: str = Field(description="Name of the namespace.")
    reason: str = Field(description="One word from the list in docs/problems.md.")
    message: str = Field(description="What is wrong there, and the remedy.")


class PullSecretStatus(Model):
    """Progress of the pull Secrets over the selected namespaces."""

    namespaces: int = Field(description="Selected namespaces.")
    ready: int = Field(description="Namespaces that hold the Secret and whose service accounts refer to it.")
    failed: int = Field(description="Namespaces that cannot hold it until somebody changes something.")
    summary: str = Field(description="'ready/namespaces', for the printed column.")
    failures: list[NamespaceFailureStatus] = Field(default_factory=list, description="The first 20 failures by name.")
    secret_name: str = Field(default="", description="Name of the Secret that was distributed.")
    service_accounts: list[str] = Field(default_factory=list, description="Service accounts that refer to it.")
    admission_policy: str | None = Field(
        default=None, description="Name of the MutatingAdmissionPolicy and of its binding, as long as there are any."
    )
    robot: str | None = Field(default=None, description="Full login name of the robot in use.")
    expires_at: str | None = Field(default=None, description="When the robot's credential expires.")
    rotated_at: str | None = Field(default=None, description="When the Secret with the credential was last written.")


class HarborRegistryStatus(Model):
    """The observed state, as of the last reconciliation."""

    observed_generation: int = Field(default=-1, description="Generation of the spec of the last pass; -1 = none yet.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Observations; Ready is the summary.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    chart_version: str | None = Field(default=None, description="Chart version of the deployed release.")
    harbor_version: str | None = Field(default=None, description="Harbor version of the deployed release.")
    release_revision: int | None = Field(default=None, description="Revision of the Helm release.")
    storage_url: str | None = Field(
        default=None, alias="storageURL", description="The storage URL that was proved to work."
    )
    warnings: list[WarningStatus] = Field(default_factory=list, description="What will hurt one day.")
    pull_secrets: PullSecretStatus | None = Field(default=None, description="How far the pull Secrets have spread.")
