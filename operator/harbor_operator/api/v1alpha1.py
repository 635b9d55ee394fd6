"""HarborRegistry, version v1alpha1: the resource a platform team writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from harbor_operator.api.backends import Cache, Database, Storage
from harbor_operator.api.base import (
    CaRef,
    ChartName,
    CredentialsRef,
    ExternalUrl,
    Model,
    ObjectName,
    PasswordRef,
    ProjectName,
    RepositoryUrl,
)

GROUP = "harbor-operator.io"
VERSION = "v1alpha1"
KIND = "HarborRegistry"
PLURAL = "harborregistries"


class DeletionPolicy(StrEnum):
    """What becomes of something when the registry is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class ConflictPolicy(StrEnum):
    """What to do with a Secret of the wanted name that is not ours."""

    REFUSE = "Refuse"
    ADOPT = "Adopt"


class AdmissionPolicy(StrEnum):
    """Whether the API server itself gives a service account its reference."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"


class StuckPods(StrEnum):
    """What to do with pods that were created before their service account had the reference, and cannot pull."""

    IGNORE = "Ignore"
    EVICT = "Evict"


class ValuesFrom(Model):
    """Names a Secret or ConfigMap with more chart values."""

    kind: Literal["Secret", "ConfigMap"] = Field(description="Kind of the object that holds the values.")
    name: ObjectName = Field(description="Name of the object, in the registry's namespace.")
    key: str = Field(default="values.yaml", description="Key whose value is a YAML mapping of chart values.")


class Release(Model):
    """The Helm release of the official chart; leave the section out if somebody else runs Harbor."""

    chart: ChartName = Field(
        default="harbor", description="Name in `repository`, oci:// reference, or absolute path in the operator's pod."
    )
    repository: RepositoryUrl = Field(
        default="https://helm.goharbor.io",
        description="https:// URL of the chart repository, without a login; ignored for oci:// references and paths.",
    )
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] = Field(description="Chart version, exact.")
    name: Annotated[str, Field(max_length=53, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")] = Field(
        default="", description="Helm release name; empty = the registry's name. Immutable."
    )
    service_account_name: ObjectName = Field(
        default="harbor-release",
        description="ServiceAccount of the registry's namespace that Helm acts as; it limits what the chart can do.",
    )
    values: dict[str, Any] = Field(
        default_factory=dict, description="Chart values of your own; a key that the operator owns is refused by name."
    )
    values_from: list[ValuesFrom] = Field(default_factory=list, description="More values, merged before `values`.")
    timeout_seconds: int = Field(default=600, ge=30, le=7200, description="How long one Helm run may take.")


class Expose(Model):
    """How the chart exposes Harbor."""

    type: Literal["ingress", "clusterIP", "nodePort", "loadBalancer"] = Field(
        default="ingress", description="The chart's expose type."
    )
    ingress_class_name: str = Field(default="", description="IngressClass for type ingress.")
    tls_secret_name: str = Field(
        default="",
        description="Secret with the certificate of `externalURL`; empty = TLS ends in front of the cluster.",
    )


class Project(Model):
    """A Harbor project that must exist."""

    name: ProjectName = Field(description="Name of the project.")
    public: bool = Field(default=False, description="Whether anybody may pull without credentials.")
    quota_gib: int | None = Field(default=None, ge=1, alias="quotaGiB", description="Quota in GiB; absent = unlimited.")


class LabelExpression(Model):
    """One requirement of a Kubernetes label selector."""

    key: str = Field(description="Label key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="Relation of the key to the values.")
    values: list[str] = Field(default_factory=list, description="Values for In and NotIn; empty otherwise.")

    @model_validator(mode="after")
    def _values_fit_operator(self) -> LabelExpression:
        if (self.operator in {"In", "NotIn"}) != bool(self.values):
            raise ValueError("In and NotIn need `values`; Exists and DoesNotExist take none")
        return self


class LabelSelector(Model):
    """A Kubernetes label selector; empty selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict, description="Labels that must be equal.")
    match_expressions: Annotated[list[LabelExpression], Field(max_length=64)] = Field(
        default_factory=list, description="Requirements that must hold."
    )


class NamespaceSelection(Model):
    """Which namespaces get the pull Secret."""

    selector: LabelSelector = Field(default_factory=LabelSelector, description="Label selector; empty = all.")
    exclude: list[str] = Field(
        default_factory=lambda: ["kube-*"], description="Name patterns (shell style) that never get the Secret."
    )


class Robot(Model):
    """One pull-only robot account for the whole cluster, made by the operator."""

    projects: Annotated[list[str], Field(min_length=1)] = Field(
        default_factory=lambda: ["*"], description="Projects it may pull from; '*' = all."
    )


class PullCredential(Model):
    """The account whose credential is distributed: exactly one of the kinds."""

    robot: Robot | None = Field(default=None, description="A robot account made by the operator.")
    secret_ref: CredentialsRef | None = Field(
        default=None, description="Secret with `username` and `password` of an account made by hand."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> PullCredential:
        if (self.robot is None) == (self.secret_ref is None):
            raise ValueError("give exactly one of `robot` and `secretRef`")
        return self


class PullSecrets(Model):
    """The pull Secret that every selected namespace holds, attached to its service accounts."""

    secret_name: ObjectName = Field(default="harbor-pull", description="Name of the Secret in every namespace.")
    service_accounts: Annotated[list[str], Field(min_length=1)] = Field(
        default_factory=lambda: ["default"], description="Service accounts that reference it; ['*'] = all."
    )
    namespaces: NamespaceSelection = Field(default_factory=NamespaceSelection, description="Which namespaces.")
    credential: PullCredential = Field(description="The account to distribute.")
    conflict_policy: ConflictPolicy = Field(
        default=ConflictPolicy.REFUSE, description="What to do with a Secret of that name that is not ours."
    )
    admission_policy: AdmissionPolicy = Field(
        default=AdmissionPolicy.DISABLED,
        description="Enabled = a MutatingAdmissionPolicy gives each service account its reference at birth, so that no "
        "pod comes before it; needs Kubernetes 1.36 and the rights in `deploy/components/admission-policy`.",
    )
    stuck_pods: StuckPods = Field(
        default=StuckPods.IGNORE,
        description="What to do with pods that were created before their service account had the reference and "
        "therefore cannot pull; Evict lets their controller make new ones, and needs the rights in "
        "deploy/components/evict-stuck-pods.",
    )


class DeletionPolicies(Model):
    """What is kept when the registry is deleted; data is kept unless you say otherwise."""

    release: DeletionPolicy = Field(default=DeletionPolicy.DELETE, description="The Helm release.")
    database: DeletionPolicy = Field(default=DeletionPolicy.RETAIN, description="The databases and their role.")
    storage: DeletionPolicy = Field(default=DeletionPolicy.RETAIN, description="The container and what is in it.")
    pull_secrets: DeletionPolicy = Field(default=DeletionPolicy.DELETE, description="Pull Secrets and references.")


class HarborRegistrySpec(Model):
    """What the platform team wants."""

    external_url: ExternalUrl = Field(
        alias="externalURL", description="What clients type: scheme, host, optional port."
    )
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of `externalURL`, used by every probe and given to the chart."
    )
    suspend: bool = Field(
        default=False, description="Write nothing any more, not into new namespaces either; nothing is undone."
    )
    check_interval_seconds: int = Field(default=60, ge=5, le=86400, description="How often to look when all is well.")
    release: Release | None = Field(default=None, description="The Helm release; absent = Harbor is run by others.")
    database: Database | None = Field(default=None, description="External PostgreSQL; absent = the chart's own.")
    cache: Cache | None = Field(default=None, description="External Redis or Valkey; absent = the chart's own.")
    storage: Storage | None = Field(default=None, description="Where the images lie; absent = the chart's own volume.")
    expose: Expose = Field(default_factory=Expose, description="How the chart exposes Harbor.")
    admin_password_secret_ref: PasswordRef | None = Field(
        default=None, description="Harbor's admin password; made by the operator when absent and a release is wanted."
    )
    projects: Annotated[list[Project], Field(max_length=500)] = Field(
        default_factory=list,
        description="Projects that must exist.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    pull_secrets: PullSecrets | None = Field(default=None, description="The pull Secret in every namespace.")
    deletion_policy: DeletionPolicies = Field(default_factory=DeletionPolicies, description="What is kept on deletion.")


class Metadata(Model):
    """The part of the object's metadata that decisions may depend on."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None

    @classmethod
    def parse(cls, metadata: Mapping[str, Any]) -> Metadata:
        """Picks the known fields out of an object's metadata."""
        known = {to_camel(name) for name in cls.model_fields}
        return cls.model_validate({key: value for key, value in metadata.items() if key in known})


class PreviousStatus(Model):
    """The little of an earlier status that a decision needs, so that a restart knows it."""

    secret_name: str = Field(default="", description="What was distributed and may have to be taken back.")
    service_accounts: tuple[str, ...] = ()
    admission_policy: str = Field(default="", description="Name of the policy that may have to be taken away.")
    robot: str | None = Field(default=None, description="What is told on while Harbor cannot be asked; so is the next.")
    rotated_at: datetime | None = None
    reachable: bool = Field(default=False, description="Whether this very spec was seen to be reachable.")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> PreviousStatus:
        """Picks it out of an object's status."""
        status = body.get("status") or {}
        spread = status.get("pullSecrets") or {}
        told = {
            condition["type"]: condition["status"]
            for condition in status.get("conditions") or []
            if condition.get("observedGeneration") == body["metadata"].get("generation")
        }
        return cls(
            secret_name=spread.get("secretName", ""),
            service_accounts=tuple(spread.get("serviceAccounts") or ()),
            admission_policy=spread.get("admissionPolicy", ""),
            robot=spread.get("robot"),
            rotated_at=spread.get("rotatedAt"),
            reachable=told.get("RegistryReachable") == "True",
        )


class HarborRegistry(Model):
    """A registry as parsed from the API server: identity, wish, and what was distributed before."""

    metadata: Metadata
    spec: HarborRegistrySpec
    observed: PreviousStatus = Field(default_factory=PreviousStatus)

    @property
    def key(self) -> str:
        """'namespace/name', as logs and messages name the registry."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> HarborRegistry:
        """Parses an object of the API server; raises pydantic's ValidationError with the path below `spec`."""
        return cls(
            metadata=Metadata.parse(body["metadata"]),
            spec=HarborRegistrySpec.model_validate(body.get("spec") or {}),
            observed=PreviousStatus.parse(body),
        )
