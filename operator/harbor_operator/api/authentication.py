"""How people log in to Harbor: through an OpenID provider or an LDAP directory."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.addresses import SPACE
from harbor_operator.api.base import CaRef, Model, PasswordRef, SecretKey, SecretRef, distinct

MAX_SCOPES = 20
MAX_PARAMETERS = 20

OidcEndpoint = Annotated[str, Field(max_length=2048, pattern=rf"^https://[^/?#@{SPACE}]+(/[^?#{SPACE}]*)?$")]
OidcScope = Annotated[str, Field(min_length=1, max_length=255, pattern=rf"^[^{SPACE},\"\\]+$")]
"""A scope of RFC 6749, without a comma, which separates the scopes in Harbor's setting."""
LdapUrl = Annotated[str, Field(max_length=512, pattern=r"^ldaps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
"""Without an IPv6 address, which Harbor cannot read."""
DistinguishedName = Annotated[str, Field(min_length=1, max_length=1024, pattern=rf"^[^={SPACE}][^=]*=.+$")]
Text = Annotated[str, Field(max_length=1024)]
Name = Annotated[str, Field(max_length=253)]

OPENID = "openid"
OPENID_MESSAGE = "`scopes` must contain 'openid': without it, the provider sends no ID token"
GROUPS_CLAIM_MESSAGE = "`adminGroup` and `groupFilter` need `groupsClaim`"
UNUSED_CA_MESSAGE = "`caSecretRef` is for `verifyCertificate: true` only"
LDAPS_CA_MESSAGE = "`caSecretRef` is for an ldaps:// `url` only"
ONE_KIND_MESSAGE = "give exactly one of `oidc` and `ldap`"


class ClientSecretRef(SecretRef):
    """Reference to a key of a Secret with the secret of an OIDC client."""

    key: SecretKey = Field(default="clientSecret", description="Key of the Secret whose value is the client secret.")


class LdapScope(StrEnum):
    """How deep a search goes below its base DN."""

    BASE = "Base"
    ONE_LEVEL = "OneLevel"
    SUBTREE = "Subtree"


class Oidc(Model):
    """An OpenID provider, at which Harbor is registered as a client."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        description="Name of the provider on the login page of Harbor."
    )
    endpoint: OidcEndpoint = Field(
        description="Issuer URL, exactly as in the provider's `/.well-known/openid-configuration`."
    )
    client_id: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        alias="clientID", description="Client ID of Harbor at the provider."
    )
    client_secret_ref: ClientSecretRef = Field(description="Secret key with the client secret.")
    scopes: Annotated[list[OidcScope], Field(min_length=1, max_length=MAX_SCOPES), distinct()] = Field(
        default_factory=lambda: [OPENID, "profile", "email", "offline_access"],
        description="Scopes that Harbor requests; it gets a refresh token with `offline_access`.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    verify_certificate: bool = Field(
        default=True, description="Whether Harbor and the operator verify the provider's certificate."
    )
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of the provider; the operator and Harbor's pods trust it."
    )
    user_claim: Name = Field(default="", description="Claim with the user name; empty = `name`.")
    groups_claim: Name = Field(default="", description="Claim with the groups; empty = no groups.")
    admin_group: Name = Field(default="", description="Group whose members are administrators of Harbor.")
    group_filter: Text = Field(
        default="", description="Regular expression; Harbor keeps only the groups that match. Empty = all."
    )
    auto_onboard: bool = Field(
        default=False, description="Whether Harbor takes the user name from `userClaim` instead of asking for one."
    )
    extra_redirect_parameters: Annotated[dict[str, Text], Field(max_length=MAX_PARAMETERS)] = Field(
        default_factory=dict, description="Parameters that Harbor adds to the URL of the provider's login page."
    )
    logout: bool = Field(
        default=False, description="Whether a logout from Harbor also ends the session at the provider."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Oidc:
        if OPENID not in self.scopes:
            raise ValueError(OPENID_MESSAGE)
        if (self.admin_group or self.group_filter) and not self.groups_claim:
            raise ValueError(GROUPS_CLAIM_MESSAGE)
        if self.ca_secret_ref and not self.verify_certificate:
            raise ValueError(UNUSED_CA_MESSAGE)
        return self


class LdapGroups(Model):
    """The groups of the directory; absent = Harbor imports no groups."""

    base_dn: DistinguishedName = Field(alias="baseDN", description="DN below which Harbor searches for groups.")
    filter: Text = Field(default="", description="LDAP filter that a group must match; empty = every entry.")
    name_attribute: Name = Field(default="cn", description="Attribute with the name of a group.")
    membership_attribute: Name = Field(
        default="memberof", description="Attribute of a user with the DNs of the user's groups."
    )
    scope: LdapScope = Field(default=LdapScope.SUBTREE, description="Depth of the search below `baseDN`.")
    admin_dn: Annotated[str, Field(max_length=1024)] = Field(
        default="", alias="adminDN", description="DN of the group whose members are administrators of Harbor."
    )


class Ldap(Model):
    """An LDAP directory, which Harbor's core connects to."""

    url: LdapUrl = Field(description="URL of the server; `ldaps://` for TLS.")
    base_dn: DistinguishedName = Field(alias="baseDN", description="DN below which Harbor searches for users.")
    search_dn: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        alias="searchDN", description="DN of the account that searches, or its name as Active Directory accepts it."
    )
    search_password_secret_ref: PasswordRef = Field(description="Secret key with the password of `searchDN`.")
    uid_attribute: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        default="cn", description="Attribute with the user name, for example `uid` or `sAMAccountName`."
    )
    filter: Text = Field(default="", description="LDAP filter that a user must match; empty = every entry.")
    scope: LdapScope = Field(default=LdapScope.SUBTREE, description="Depth of the search below `baseDN`.")
    timeout_seconds: int = Field(default=5, ge=1, le=60, description="Seconds until Harbor gives up on the server.")
    groups: LdapGroups | None = Field(default=None, description="Groups of the directory; absent = none.")
    verify_certificate: bool = Field(default=True, description="Whether Harbor verifies the server's certificate.")
    ca_secret_ref: CaRef | None = Field(default=None, description="CA of the server; Harbor's pods trust it.")

    @model_validator(mode="after")
    def _ca_is_used(self) -> Ldap:
        if self.ca_secret_ref and not self.verify_certificate:
            raise ValueError(UNUSED_CA_MESSAGE)
        if self.ca_secret_ref and not self.url.startswith("ldaps:"):
            raise ValueError(LDAPS_CA_MESSAGE)
        return self


class Authentication(Model):
    """Where Harbor's users come from: exactly one of the kinds."""

    oidc: Oidc | None = Field(default=None, description="An OpenID provider.")
    ldap: Ldap | None = Field(default=None, description="An LDAP directory.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Authentication:
        if (self.oidc is None) == (self.ldap is None):
            raise ValueError(ONE_KIND_MESSAGE)
        return self

    @property
    def kind(self) -> Oidc | Ldap:
        """The one that is given."""
        if self.oidc:
            return self.oidc
        if self.ldap:
            return self.ldap
        raise ValueError(ONE_KIND_MESSAGE)
