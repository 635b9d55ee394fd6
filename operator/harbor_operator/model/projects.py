"""Projects of Harbor as desired and observed, with quota and members, and the endpoints of other registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class ObservedProject:
    """A project as observed; `number` is its id in Harbor, `repositories` how many it holds.

    `metadata` are Harbor's settings of the project, with texts as values. `registry` is the id of the mirrored
    registry, 0 for none.
    """

    number: int
    name: str
    public: bool
    repositories: int = 0
    registry: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_cves: frozenset[str] = frozenset()

    @property
    def retention(self) -> int:
        """The id of the retention policy of the project, 0 for none."""
        number = self.metadata.get("retention_id", "")
        return int(number) if number.isascii() and number.isdecimal() else 0

    @property
    def is_proxy_cache(self) -> bool:
        """Whether the project mirrors another registry."""
        return bool(self.registry)


@dataclass(frozen=True, slots=True)
class DesiredProject:
    """A project as desired; `storage_limit` in bytes, UNLIMITED = no quota.

    `metadata` are the settings that the spec names beside the visibility; None as `allowed_cves` leaves that list as it
    is. `registry` is the id of the registry to mirror, 0 for none.
    """

    name: str
    public: bool
    storage_limit: int = UNLIMITED
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_cves: frozenset[str] | None = None
    registry: int = 0

    def is_met_by(self, observed: ObservedProject) -> bool:
        """Whether no write is needed, its quota aside."""
        settings = {name: observed.metadata.get(name) for name in self.metadata}
        cves = self.allowed_cves is None or self.allowed_cves == observed.allowed_cves
        return self.public == observed.public and settings == dict(self.metadata) and cves


@dataclass(frozen=True, slots=True)
class ObservedQuota:
    """The quota of a project; `number` is the id of the quota, `storage_limit` in bytes, UNLIMITED = no quota."""

    number: int
    project: int
    storage_limit: int


@dataclass(frozen=True, slots=True)
class DesiredMember:
    """A member as desired: exactly one of user, OIDC group and LDAP group (DN); `role` is Harbor's number."""

    role: int
    user: str = ""
    oidc_group: str = ""
    ldap_group: str = ""

    @property
    def is_group(self) -> bool:
        """Whether the member is a group."""
        return not self.user

    @property
    def name(self) -> str:
        """The member in a message."""
        return self.user or self.oidc_group or self.ldap_group


@dataclass(frozen=True, slots=True)
class ObservedMember:
    """A member as observed: `entity` is the id of its user or group. Harbor names an LDAP group without its DN."""

    number: int
    role: int
    name: str
    is_group: bool = False
    entity: int = 0


@dataclass(frozen=True, slots=True)
class ProjectChanges:
    """The writes that one project needs."""

    create: bool = False
    update: bool = False
    set_quota: bool = False

    def __bool__(self) -> bool:
        """Whether any write is needed."""
        return self.create or self.update or self.set_quota


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """The writes that the members of one project need; `set_role` has the new role of each."""

    add: tuple[DesiredMember, ...] = ()
    set_role: tuple[tuple[ObservedMember, int], ...] = ()
    remove: tuple[ObservedMember, ...] = ()

    def __bool__(self) -> bool:
        """Whether any write is needed."""
        return bool(self.add or self.set_role or self.remove)


@dataclass(frozen=True, slots=True)
class DesiredRegistry:
    """An endpoint of another registry as desired; without a login, `access_key` and `access_secret` are empty."""

    name: str
    type: str
    url: str
    is_insecure: bool = False
    access_key: str = ""
    access_secret: SecretStr = field(default_factory=lambda: SecretStr(""))

    def is_met_by(self, observed: ObservedRegistry) -> bool:
        """Whether no write is needed, the secret aside: Harbor does not return it."""
        return (self.url.rstrip("/"), self.is_insecure, self.access_key) == (
            observed.url.rstrip("/"),
            observed.is_insecure,
            observed.access_key,
        )


@dataclass(frozen=True, slots=True)
class ObservedRegistry:
    """An endpoint of another registry as observed."""

    number: int
    name: str
    type: str
    url: str
    is_insecure: bool = False
    access_key: str = ""
