"""What other injectors left in the cluster, and the steps that move it to one HarborRegistry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harbor_operator.api.v1alpha1 import NamespaceSelection
from harbor_operator.model.injection import EVERY_ACCOUNT
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount


class Tool(StrEnum):
    """The injectors that `migrate` knows."""

    TAMCORE = "tamcore"
    TITANSOFT = "titansoft"
    REGISTRY_CREDS = "registry-creds"
    CLUSTERSECRET = "clustersecret"
    REFLECTOR = "reflector"
    KYVERNO = "kyverno"


@dataclass(frozen=True, slots=True)
class SecretMetadata:
    """A Secret of type `kubernetes.io/dockerconfigjson` without its content; `owners` are its `ownerReferences`."""

    namespace: str
    name: str
    uid: str
    revision: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owners: tuple[Mapping[str, Any], ...] = ()
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class MigratedSecret:
    """A Secret with what is needed of its content: the hosts of its logins and a digest, never a login.

    `hosts` are 'host' or 'host:port', in lower case; empty if the content cannot be read. `immutable` also covers a
    Secret of another type.
    """

    metadata: SecretMetadata
    hosts: frozenset[str]
    digest: bytes
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """The metadata by which a tool finds its own Secret; `owners` are uids, `policy` names Kyverno's policy."""

    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    policy: str = ""


@dataclass(frozen=True, slots=True)
class RunningWorkload:
    """A Deployment that is not scaled to zero, with the images of its containers."""

    namespace: str
    name: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReferringPod:
    """A pod that has not ended, and the Secrets in its `imagePullSecrets`."""

    name: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationTarget:
    """The registry that takes over; `digest` is that of the content it injects, empty while that is not known.

    `hosts` are those for which its pull Secrets contain a login.
    """

    uid: str
    key: str
    secret_name: str
    accounts: tuple[str, ...]
    namespaces: NamespaceSelection
    hosts: frozenset[str]
    digest: bytes = b""

    def covers(self, account: str) -> bool:
        """Whether the registry keeps its reference in this service account."""
        return account in self.accounts or EVERY_ACCOUNT in self.accounts


@dataclass(frozen=True, slots=True)
class NamespaceFindings:
    """One namespace: the marked Secrets, the Secret with the name of the registry's, and everything that refers to one.

    `accounts` are those that refer to a marked Secret. `pods` is empty if no Secret of another name is marked.
    """

    namespace: ObservedNamespace
    marked: tuple[MigratedSecret, ...]
    own: MigratedSecret | None = None
    accounts: tuple[ObservedServiceAccount, ...] = ()
    pods: tuple[ReferringPod, ...] = ()


class MigrationAction(StrEnum):
    """What is done to one object."""

    ADOPT = "adopt"
    REMOVE_REFERENCE = "remove reference"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class AdoptSecret:
    """Merge these labels and annotations into exactly this version of a Secret; None removes a key.

    `owners` replaces `ownerReferences`; None leaves them. With `writes_content`, the registry's content is written too.
    """

    namespace: str
    name: str
    uid: str
    revision: str
    labels: Mapping[str, str | None]
    annotations: Mapping[str, str | None]
    owners: tuple[Mapping[str, Any], ...] | None = None
    writes_content: bool = False


@dataclass(frozen=True, slots=True)
class DeleteDouble:
    """Delete exactly this version of a Secret."""

    namespace: str
    name: str
    uid: str
    revision: str


MigrationWrite = AdoptSecret | ObservedServiceAccount | DeleteDouble
"""One write; a service account stands for the patch of its references, at its revision."""


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One row of the plan: the object, what was found, what is done and why; `write` is None if nothing is done."""

    namespace: str
    kind: str
    name: str
    found: str
    action: MigrationAction
    why: str
    write: MigrationWrite | None = None

    @property
    def object(self) -> str:
        """Kind and name, as kubectl writes them."""
        return f"{self.kind}/{self.name}"


class StepResult(StrEnum):
    """What became of a step."""

    PLANNED = "planned"
    DONE = "done"
    CHANGED = "changed meanwhile"
    REVERTED = "written again by the tool"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step and its result; `error` says why it failed."""

    step: MigrationStep
    result: StepResult
    error: str = ""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """Everything that one run found and did; `warnings` need attention before the next run.

    `is_verified` is False if the cluster could not be read again after the writes.
    """

    tool: Tool
    registry: str
    steps: tuple[StepReport, ...] = ()
    warnings: tuple[str, ...] = ()
    is_verified: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether no write is left over and no write was reverted."""
        return self.is_verified and all(report.result in {StepResult.PLANNED, StepResult.DONE} for report in self.steps)
