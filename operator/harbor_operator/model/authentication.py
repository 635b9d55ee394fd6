"""Login through OIDC or LDAP: the provider as observed, and the desired settings of Harbor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.model.harbor import SettingValue

AUTH_MODE = "auth_mode"
"""Harbor's setting that selects where its users come from."""

DEFAULT_GRANT_TYPES = frozenset({"authorization_code", "implicit"})
"""What a provider supports that names no grant types (OpenID Connect Discovery 1.0, section 3)."""


@dataclass(frozen=True, slots=True)
class OidcEndpoint:
    """The issuer URL of an OpenID provider, and how its certificate is verified (`ca` in PEM; empty = the system's)."""

    url: str
    ca: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What an OpenID provider says of itself; None = it does not say."""

    issuer: str
    grant_types: frozenset[str] = DEFAULT_GRANT_TYPES
    scopes: frozenset[str] | None = None
    claims: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class LdapConnection:
    """What Harbor needs to connect to an LDAP server and to log in as the account that searches."""

    url: str
    search_dn: str
    password: SecretStr
    base_dn: str
    timeout_seconds: int
    verify: bool


@dataclass(frozen=True, slots=True)
class DesiredSetting:
    """A setting of Harbor, and the field of the spec that it comes from."""

    name: str
    value: SettingValue
    field: str


@dataclass(frozen=True, slots=True)
class DesiredAuthentication:
    """The desired value of `auth_mode`, and the settings for it; Harbor never returns the one named `secret`."""

    mode: str
    secret: str
    settings: tuple[DesiredSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationChange:
    """The settings to write, the secret one included, and whether `auth_mode` must change after them."""

    settings: Mapping[str, SettingValue | SecretStr]
    switches_mode: bool

    def __bool__(self) -> bool:
        """Whether anything must be written."""
        return bool(self.settings) or self.switches_mode
