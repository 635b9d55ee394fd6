"""HarborRegistry v1alpha1: the custom resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from harbor_operator.api import s3
from harbor_operator.api.addresses import INTERNAL_URL_TEXT, ExternalUrl
from harbor_operator.api.adoption import LOGIN_MESSAGE, UNUSED_PLAN_MESSAGE, PlanIdentifier
from harbor_operator.api.authentication import Authentication
from harbor_operator.api.backends import Cache, Database, Storage
from harbor_operator.api.base import (
    CaRef,
    CredentialsRef,
    ExcludePattern,
    Model,
    ObjectName,
    PasswordRef,
    SecretKey,
    SecretKeyRef,
    distinct,
)
from harbor_operator.api.chart_source import (
    UNUSED_LOGIN_MESSAGE,
    ChartDigest,
    ChartReference,
    ChartRepository,
    is_remote,
)
from harbor_operator.api.configuration import Configuration
from harbor_operator.api.expose import Expose
from harbor_operator.api.image_hosts import ImageHosts
from harbor_operator.api.internal_tls import RELEASE_MESSAGE as INTERNAL_TLS_MESSAGE
from harbor_operator.api.internal_tls import InternalTls
from harbor_operator.api.projects import Project, Registry
from harbor_operator.api.reconcile_request import reconcile_request
from harbor_operator.api.replications import Replication
from harbor_operator.api.request_annotations import (
    BACKUP_COMPLETED_AT,
    REVOKE_REQUESTED_AT,
    ROTATE_REQUESTED_AT,
    read_request,
)
from harbor_operator.api.robot import Robot, RobotScope
from harbor_operator.api.schedules import GarbageCollection, PurgeAudit, ScanAll
from harbor_operator.api.status import StorageComparisonStatus
from harbor_operator.api.storage_driver import DELETION_MESSAGE, RELEASE_MESSAGE
from harbor_operator.api.storage_migration import RELEASE_MESSAGE as MIGRATION_RELEASE_MESSAGE
from harbor_operator.api.upgrades import OptionalVersion

AccountName = Annotated[
    str, Field(max_length=253, pattern=r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$")
]


class DeletionPolicy(StrEnum):
    """Whether data or objects are removed when the HarborRegistry is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class ConflictPolicy(StrEnum):
    """What to do with a Secret of the configured name that the operator did not create."""

    REFUSE = "Refuse"
    ADOPT = "Adopt"


class AdmissionPolicy(StrEnum):
    """Whether a MutatingAdmissionPolicy adds the imagePullSecret to new service accounts."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"


class StuckPods(StrEnum):
    """What to do with pods that were created before their service account referenced the Secret."""

    IGNORE = "Ignore"
    EVICT = "Evict"


class ReleaseDrift(StrEnum):
    """What to do about objects of the release that another client has changed or deleted."""

    WARN = "Warn"
    REPAIR = "Repair"


class ValuesFrom(Model):
    """Reference to a Secret or ConfigMap with chart values."""

    kind: Literal["Secret", "ConfigMap"] = Field(description="Kind of the object that contains the values.")
    name: ObjectName = Field(description="Name of the object, in the namespace of the HarborRegistry.")
    key: SecretKey = Field(default="values.yaml", description="Key whose value is a YAML mapping of chart values.")


class Release(Model):
    """The Helm release of the official chart; absent = the operator does not install Harbor."""

    chart: ChartReference = Field(default="harbor", description="Chart name, oci:// reference, or path.")
    repository: ChartRepository = Field(
        default="https://helm.goharbor.io", description="Chart repository; ignored for oci:// references and paths."
    )
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] = Field(description="Exact chart version.")
    digest: ChartDigest = Field(
        default="",
        description="SHA-256 of the chart archive, as `sha256:` and 64 hexadecimal digits (`sha256sum`). Helm gets "
        "only an archive with this digest. Empty = not compared.",
    )
    repository_secret_ref: CredentialsRef | None = Field(
        default=None, description="Login at the chart repository or OCI registry; absent = none."
    )
    repository_ca_secret_ref: CaRef | None = Field(
        default=None,
        alias="repositoryCASecretRef",
        description="CA of the chart repository or OCI registry; absent = the authorities of the operator's image.",
    )
    name: Annotated[str, Field(max_length=53, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")] = Field(
        default="", description="Name of the Helm release; empty = the name of the HarborRegistry. Immutable."
    )
    service_account_name: ObjectName = Field(
        default="harbor-release",
        description="ServiceAccount of the registry's namespace that Helm acts as; it limits what the chart can do.",
    )
    values: dict[str, Any] = Field(
        default_factory=dict, description="Chart values; unknown keys, and other values for owned keys, are refused."
    )
    values_from: list[ValuesFrom] = Field(default_factory=list, description="More values; `values` overrides them.")
    secret_key_ref: SecretKeyRef | None = Field(
        default=None,
        description="Key of an earlier Harbor, which encrypts the credentials in its database; needed for a database "
        "that already contains tables of Harbor. Absent = the operator generates the key.",
    )
    adopt: bool = Field(
        default=False,
        description="Take over the release of this name that another client installed with Helm. The condition "
        "ReleaseReady shows the plan; nothing is changed before `adoptionPlan` names it.",
    )
    adoption_plan: PlanIdentifier = Field(
        default="", description="Identifier of the plan to carry out, as the condition ReleaseReady shows it."
    )
    allow_upgrade_to: OptionalVersion = Field(
        default="",
        description="Chart version to which an upgrade may migrate Harbor's database, because a backup exists. An "
        "upgrade with a migration begins only if this is `version`.",
    )
    drift: ReleaseDrift = Field(
        default=ReleaseDrift.WARN,
        description="What to do about objects of the release that another client has changed or deleted: Warn = name "
        "them in `status.warnings`; Repair = apply them again, as Helm does.",
    )
    timeout_seconds: int = Field(
        default=600, ge=30, le=7200, description="Maximum seconds of one Helm run, with its hooks."
    )

    @model_validator(mode="after")
    def _fields_are_used(self) -> Release:
        if not is_remote(self.chart) and (self.repository_secret_ref or self.repository_ca_secret_ref):
            raise ValueError(UNUSED_LOGIN_MESSAGE)
        if self.adoption_plan and not self.adopt:
            raise ValueError(UNUSED_PLAN_MESSAGE)
        return self


class LabelExpression(Model):
    """One requirement of a Kubernetes label selector."""

    key: str = Field(description="Label key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="Relation of the key to the values.")
    values: list[str] = Field(default_factory=list, description="Values, for In and NotIn only.")

    @model_validator(mode="after")
    def _values_fit_operator(self) -> LabelExpression:
        if (self.operator in {"In", "NotIn"}) != bool(self.values):
            raise ValueError("In and NotIn need `values`; Exists and DoesNotExist take none")
        return self


class LabelSelector(Model):
    """A Kubernetes label selector; empty selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict, description="Labels that the namespace must have.")
    match_expressions: Annotated[list[LabelExpression], Field(max_length=64)] = Field(
        default_factory=list, description="Requirements that the labels must meet."
    )


class NamespaceSelection(Model):
    """Which namespaces get the pull Secret."""

    selector: LabelSelector = Field(default_factory=LabelSelector, description="Label selector; empty = all.")
    exclude: list[ExcludePattern] = Field(
        default_factory=lambda: ["kube-*"],
        description="Excluded name patterns. `kube-*` is always excluded, unless the list contains `!kube-*`.",
    )
    opt_in: bool = Field(
        default=False,
        description="Select only namespaces with the annotation `harbor-operator.io/inject: enabled`. Without it, "
        "`harbor-operator.io/inject: disabled` on a Namespace or ServiceAccount takes that one out.",
    )


class PullCredential(Model):
    """The account whose credential the Secret contains: exactly one of the kinds."""

    robot: Robot | None = Field(default=None, description="A robot account that the operator creates in Harbor.")
    secret_ref: CredentialsRef | None = Field(default=None, description="Secret with the login of an existing account.")
    allow_push: bool = Field(
        default=False,
        description="Whether the account of `secretRef` may have the right to push or delete; otherwise it is refused. "
        "Anyone who creates pods in a selected namespace can use its rights.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> PullCredential:
        if (self.robot is None) == (self.secret_ref is None):
            raise ValueError("give exactly one of `robot` and `secretRef`")
        return self

    @property
    def cluster_robot(self) -> Robot | None:
        """The robot that all namespaces share."""
        return self.robot if self.robot and self.robot.scope is RobotScope.CLUSTER else None

    @property
    def namespace_robot(self) -> Robot | None:
        """What the robots have in common that each namespace has for itself."""
        return self.robot if self.robot and self.robot.scope is RobotScope.NAMESPACE else None


class PullSecrets(ImageHosts):
    """The pull Secret of every selected namespace, referenced by its service accounts."""

    secret_name: ObjectName = Field(default="harbor-pull", description="Name of the Secret in every namespace.")
    service_accounts: Annotated[list[AccountName], Field(min_length=1)] = Field(
        default_factory=lambda: ["default"], description="Service accounts that reference the Secret; ['*'] = all."
    )
    namespaces: NamespaceSelection = Field(default_factory=NamespaceSelection, description="Selected namespaces.")
    credential: PullCredential = Field(description="Account whose credential the Secret contains.")
    conflict_policy: ConflictPolicy = Field(
        default=ConflictPolicy.REFUSE,
        description="What to do with a Secret of that name from another client: Refuse leaves it, Adopt overwrites it.",
    )
    admission_policy: AdmissionPolicy = Field(
        default=AdmissionPolicy.DISABLED,
        description="Enabled: a MutatingAdmissionPolicy adds the imagePullSecret to service accounts at creation, so "
        "that no pod is created without it. Needs Kubernetes 1.36 and `deploy/components/admission-policy`.",
    )
    stuck_pods: StuckPods = Field(
        default=StuckPods.IGNORE,
        description="What to do with pods that cannot pull because they were created before their service account "
        "referenced the Secret. Evict lets their controller create new ones; it needs the rights in "
        "`deploy/components/evict-stuck-pods`.",
    )


class DeletionPolicies(Model):
    """What is removed when the HarborRegistry is deleted; data is retained by default.

    A retained release uses its database and storage, so that they are retained with it.
    """

    release: DeletionPolicy = Field(
        default=DeletionPolicy.DELETE, description="Helm release; Retain also retains its database and storage."
    )
    database: DeletionPolicy = Field(default=DeletionPolicy.RETAIN, description="Databases and their role.")
    storage: DeletionPolicy = Field(default=DeletionPolicy.RETAIN, description="Container and its objects.")
    pull_secrets: DeletionPolicy = Field(default=DeletionPolicy.DELETE, description="Pull Secrets and references.")


class HarborRegistrySpec(Model):
    """The desired state."""

    external_url: ExternalUrl = Field(
        alias="externalURL", description="URL that clients use: scheme, host and optional port."
    )
    internal_url: ExternalUrl | None = Field(default=None, alias="internalURL", description=INTERNAL_URL_TEXT)
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of `externalURL`; the probes and the chart use it."
    )
    suspend: bool = Field(
        default=False,
        description="Pause reconciliation: no writes, including to new namespaces. Existing objects stay.",
    )
    check_interval_seconds: int = Field(default=60, ge=5, le=86400, description="Seconds between reconciliations.")
    release: Release | None = Field(default=None, description="Helm release; absent = Harbor is installed elsewhere.")
    database: Database | None = Field(default=None, description="External PostgreSQL; absent = the one of the chart.")
    cache: Cache | None = Field(default=None, description="External Redis or Valkey; absent = the one of the chart.")
    storage: Storage | None = Field(default=None, description="Image storage; absent = the chart's default volume.")
    expose: Expose = Field(default_factory=Expose, description="How the chart exposes Harbor.")
    internal_tls: InternalTls | None = Field(
        default=None,
        alias="internalTLS",
        description="TLS between the pods of the release; absent = plain HTTP, unless `release.values` say otherwise.",
    )
    admin_password_secret_ref: PasswordRef | None = Field(
        default=None,
        description="Password of Harbor's user admin; absent = the operator generates it if it installs Harbor.",
    )
    projects: Annotated[list[Project], Field(max_length=500)] = Field(
        default_factory=list,
        description="Projects that the operator creates or updates in Harbor.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    registries: Annotated[list[Registry], Field(max_length=100), distinct("name")] = Field(
        default_factory=list,
        description="Other registries that Harbor knows as endpoints.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    replications: Annotated[list[Replication], Field(max_length=100), distinct("name")] = Field(
        default_factory=list,
        description="Rules by which Harbor copies images from or to other registries.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    configuration: Configuration = Field(
        default_factory=dict,
        description="Harbor's own settings by their name in Harbor's API, for example `robot_token_duration: 30`. How "
        "users log in is not among them. Settings that are not named here stay as they are.",
    )
    garbage_collection: GarbageCollection | None = Field(
        default=None, description="Schedule of garbage collection; absent = the schedule in Harbor stays."
    )
    purge_audit: PurgeAudit | None = Field(
        default=None, description="Schedule of the purge of the audit log; absent = the schedule in Harbor stays."
    )
    scan_all: ScanAll | None = Field(
        default=None, description="Schedule of the scan of all images; absent = the schedule in Harbor stays."
    )
    authentication: Authentication | None = Field(
        default=None, description="Login through OIDC or LDAP; absent = the operator leaves it as it is in Harbor."
    )
    pull_secrets: PullSecrets | None = Field(default=None, description="Pull Secret in every selected namespace.")
    deletion_policy: DeletionPolicies = Field(default_factory=DeletionPolicies, description="What deletion removes.")

    @classmethod
    def parse(cls, spec: Any) -> HarborRegistrySpec:
        """Parses a spec as the API server reads it: null is an absent field, 60.0 is 60, and '60' is no number.

        Raises ValidationError with paths relative to `spec`.
        """
        text = json.dumps(_as_stored(spec), default=str)
        return cls.model_validate_json(text, strict=True, by_alias=True, by_name=False)

    @model_validator(mode="after")
    def _driver_belongs_to_the_chart(self) -> HarborRegistrySpec:
        if self.storage and self.storage.driver:
            if self.release is None:
                raise ValueError(RELEASE_MESSAGE)
            if self.deletion_policy.storage is DeletionPolicy.DELETE:
                raise ValueError(DELETION_MESSAGE)
        return self

    @model_validator(mode="after")
    def _ambient_identity_is_of_the_chart(self) -> HarborRegistrySpec:
        if self.storage and self.storage.s3 and self.storage.s3.ambient_identity:
            if self.release is None:
                raise ValueError(s3.RELEASE_MESSAGE)
            if self.deletion_policy.storage is DeletionPolicy.DELETE:
                raise ValueError(s3.DELETION_MESSAGE)
        return self

    @model_validator(mode="after")
    def _internal_tls_belongs_to_the_chart(self) -> HarborRegistrySpec:
        if self.internal_tls and self.release is None:
            raise ValueError(INTERNAL_TLS_MESSAGE)
        return self

    @model_validator(mode="after")
    def _migration_switches_a_release(self) -> HarborRegistrySpec:
        if self.storage and self.storage.migration and self.release is None:
            raise ValueError(MIGRATION_RELEASE_MESSAGE)
        return self

    @model_validator(mode="after")
    def _adopts_with_its_login(self) -> HarborRegistrySpec:
        adopts = self.release is not None and self.release.adopt
        if adopts and self.database and not self.database.credentials_secret_ref:
            raise ValueError(LOGIN_MESSAGE)
        return self


def _as_stored(value: Any, place: str = "") -> Any:
    """Returns the value as the API server stores it; in chart values, null removes a default of the chart."""
    if place == ".release.values":
        return value
    if isinstance(value, dict):
        fields = {key: _as_stored(field, f"{place}.{key}") for key, field in value.items()}
        return {key: field for key, field in fields.items() if field is not None}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_as_stored(item, f"{place}[]") for item in value]
    return value


class Metadata(Model):
    """The part of the object's metadata that decisions depend on; `cluster` is the identity of its cluster."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    cluster: str = ""

    @property
    def reconcile_request(self) -> str:
        """The request for a reconciliation at once; empty = none."""
        return reconcile_request({"annotations": self.annotations})

    @property
    def rotate_request(self) -> str:
        """The request for another pull credential; empty = none."""
        return read_request(self.annotations, ROTATE_REQUESTED_AT)

    @property
    def revoke_request(self) -> str:
        """The request to replace a leaked pull credential at once; empty = none."""
        return read_request(self.annotations, REVOKE_REQUESTED_AT)

    @property
    def backup_completed_at(self) -> str:
        """The time of the last backup, as it was written; empty = none."""
        return read_request(self.annotations, BACKUP_COMPLETED_AT)

    @classmethod
    def parse(cls, metadata: Mapping[str, Any], cluster: str = "") -> Metadata:
        """Returns the known fields of an object's metadata."""
        known = {to_camel(name) for name in cls.model_fields}
        fields = {key: value for key, value in metadata.items() if key in known}
        return cls.model_validate({**fields, "cluster": cluster})


class PreviousStatus(Model):
    """The part of the previous status that decisions depend on after a restart."""

    secret_name: str = Field(default="", description="Secret that was injected and may have to be removed.")
    service_accounts: tuple[str, ...] = ()
    admission_policy: str = Field(default="", description="Policy that may have to be removed.")
    robot: str | None = Field(default=None, description="Robot that may have to be removed.")
    release_revision: int | None = Field(default=None, description="Set once the release has been deployed.")
    chart_version: str = Field(default="", description="Chart version that was deployed last.")
    chart_deployed_at: datetime | None = Field(default=None, description="Since when it is deployed.")
    storage_proof: str | None = Field(default=None, description="Digest of the last proof through the registry.")
    storage_comparison: StorageComparisonStatus | None = Field(default=None, description="The last one, of one run.")
    unproved: tuple[str, ...] = Field(default=(), description="Namespaces whose pull Secret did not pull.")
    reachable: bool = Field(default=False, description="Whether RegistryReachable was True for this generation.")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> PreviousStatus:
        """Returns the previous status of an object from the API server."""
        status = body.get("status") or {}
        injected = status.get("pullSecrets") or {}
        statuses = {
            condition["type"]: condition["status"]
            for condition in status.get("conditions") or []
            if condition.get("observedGeneration") == body["metadata"].get("generation")
        }
        return cls(
            secret_name=injected.get("secretName", ""),
            service_accounts=tuple(injected.get("serviceAccounts") or ()),
            admission_policy=injected.get("admissionPolicy", ""),
            robot=injected.get("robot"),
            release_revision=status.get("releaseRevision"),
            chart_version=status.get("chartVersion") or "",
            chart_deployed_at=status.get("chartDeployedAt"),
            storage_proof=status.get("storageProof"),
            storage_comparison=(status.get("garbageCollection") or {}).get("storage"),
            unproved=tuple(
                failure["namespace"]
                for failure in injected.get("failures") or ()
                if failure["reason"] == "PullProofFailed"
            ),
            reachable=statuses.get("RegistryReachable") == "True",
        )


class HarborRegistry(Model):
    """A HarborRegistry from the API server: metadata, spec, and the needed part of the previous status."""

    metadata: Metadata
    spec: HarborRegistrySpec
    observed: PreviousStatus = Field(default_factory=PreviousStatus)

    @property
    def key(self) -> str:
        """'namespace/name', as in logs and messages."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @classmethod
    def parse(cls, body: Mapping[str, Any], cluster: str = "") -> HarborRegistry:
        """Parses an object from the API server; raises ValidationError with paths relative to `spec`.

        `cluster` is the identity of its cluster.
        """
        return cls(
            metadata=Metadata.parse(body["metadata"], cluster),
            spec=HarborRegistrySpec.parse(body.get("spec") or {}),
            observed=PreviousStatus.parse(body),
        )
