"""Projects of Harbor, with their members, and the registries that they may mirror."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harbor_operator.api.addresses import SPACE
from harbor_operator.api.base import CredentialsRef, Gib, Model, distinct
from harbor_operator.api.project_policies import ImmutableTagRule, Retention
from harbor_operator.api.project_robots import ProjectRobot
from harbor_operator.api.webhooks import Webhook

HarborName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$")]
"""The name of a project, and of an endpoint of another registry."""
CveId = Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z0-9.:_-]+$")]


class Unlisted(StrEnum):
    """What to do with members, immutable tag rules, webhooks and robots of a project that the spec does not list."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Role(StrEnum):
    """A role in a project; the words of Harbor's user interface."""

    PROJECT_ADMIN = "ProjectAdmin"
    MAINTAINER = "Maintainer"
    DEVELOPER = "Developer"
    GUEST = "Guest"
    LIMITED_GUEST = "LimitedGuest"


MEMBER_MESSAGE = "give exactly one of `user`, `oidcGroup` and `ldapGroup`"


class Member(Model):
    """A user or a group with a role in a project."""

    user: str | None = Field(default=None, min_length=1, max_length=255, description="Name of a user.")
    oidc_group: str | None = Field(
        default=None, min_length=1, max_length=255, description="Name of a group as the OIDC provider names it."
    )
    ldap_group: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Distinguished name (DN) of an LDAP group."
    )
    role: Role = Field(description="Role in the project.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Member:
        if sum(given is not None for given in (self.user, self.oidc_group, self.ldap_group)) != 1:
            raise ValueError(MEMBER_MESSAGE)
        return self


class Project(Model):
    """A Harbor project that must exist."""

    name: HarborName = Field(description="Name of the project.")
    public: bool = Field(default=False, description="Whether clients can pull without credentials.")
    quota_gib: Gib | None = Field(default=None, alias="quotaGiB", description="Quota in GiB; absent = unlimited.")
    proxy_cache: HarborName | None = Field(
        default=None,
        description="Name of the registry that the project mirrors, from `spec.registries` or in Harbor. Harbor cannot "
        "change it later.",
    )
    auto_scan: bool | None = Field(
        default=None, description="Whether Harbor scans images when they are pushed; absent = stays as it is."
    )
    prevent_vulnerable: Literal["Disabled", "Low", "Medium", "High", "Critical"] | None = Field(
        default=None,
        description="Severity from which a vulnerability prevents pulls; absent = stays as it is.",
    )
    allowed_cves: Annotated[list[CveId], Field(max_length=1000)] | None = Field(
        default=None,
        alias="allowedCVEs",
        description="Vulnerabilities that never prevent pulls, instead of the system's list; absent = stays as it is.",
    )
    members: Annotated[list[Member], Field(max_length=100)] = Field(
        default_factory=list, description="Members with their roles."
    )
    immutable_tags: Annotated[list[ImmutableTagRule], Field(max_length=15)] = Field(
        default_factory=list, description="Rules for tags that no one can overwrite or delete."
    )
    retention: Retention | None = Field(
        default=None,
        description="Which tags Harbor keeps; it deletes others. Absent = the retention in Harbor stays as it is.",
    )
    webhooks: Annotated[list[Webhook], Field(max_length=20), distinct("name")] = Field(
        default_factory=list,
        description="Requests that Harbor sends when something happens in the project.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    robots: Annotated[list[ProjectRobot], Field(max_length=10), distinct("name")] = Field(
        default_factory=list,
        description="Robot accounts of pipelines, whose login the operator writes into a Secret and replaces.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    unlisted: Unlisted = Field(
        default=Unlisted.RETAIN,
        description="What to do with entries in Harbor that `members`, `immutableTags` and `webhooks` do not list: "
        "Retain leaves them, Delete removes them, except for the user admin. An empty list removes nothing. Of robots, "
        "Delete removes those only that this HarborRegistry created, with their Secrets.",
    )


class Registry(Model):
    """Another registry that Harbor mirrors or replicates with."""

    name: HarborName = Field(description="Name of the endpoint in Harbor.")
    type: Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="Type in the words of Harbor's API, for example `docker-hub`, `harbor`, `quay`, `github-ghcr` or "
        "`docker-registry`."
    )
    url: Annotated[str, Field(max_length=1024, pattern=rf"^https?://[^@{SPACE}]+$")] = Field(
        description="URL of the registry, without a login."
    )
    credentials_secret_ref: CredentialsRef | None = Field(
        default=None, description="Login at the registry; absent = none."
    )
    insecure: bool = Field(default=False, description="Whether Harbor accepts any certificate of the registry.")
