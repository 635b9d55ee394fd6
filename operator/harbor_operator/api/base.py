"""The base model of the custom resource, and references to Secrets."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]

MAX_GIB = (1 << 33) - 1
"""Harbor and Ceph RGW count the bytes of a quota in signed numbers of 64 bits."""

Gib = Annotated[int, Field(ge=1, le=MAX_GIB)]

OWN_PREFIX = "hreg-"
"""Prefix of the names of the Secrets in which the operator keeps what belongs to a registry."""

ExcludePattern = Annotated[str, Field(max_length=253, pattern=r"^(!kube-\*|([^!].*)?)$")]
"""A shell pattern; `!` is only for the one pattern that is excluded without being listed."""


ItemT = TypeVar("ItemT")


def distinct(attribute: str = "") -> AfterValidator:
    """Returns the validator of a list whose items must differ, or differ in the attribute.

    A list of type set, or of type map, demands the same of the API server.
    """

    def check(items: list[ItemT]) -> list[ItemT]:
        keys = [getattr(item, attribute) if attribute else item for item in items]
        if len(set(keys)) < len(keys):
            raise ValueError(f"each `{attribute}` may occur once" if attribute else "each item may occur once")
        return items

    return AfterValidator(check)


class Model(BaseModel):
    """A frozen part of the resource: camelCase in YAML, snake_case in Python; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel)


class SecretRef(Model):
    """Reference to a Secret in the namespace of the HarborRegistry."""

    name: ObjectName = Field(description="Name of a Secret in the namespace of the HarborRegistry.")


class CredentialsRef(SecretRef):
    """Reference to a Secret with a username and a password."""

    username_key: SecretKey = Field(default="username", description="Key of the Secret whose value is the username.")
    password_key: SecretKey = Field(default="password", description="Key of the Secret whose value is the password.")

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of username and password."""
        return self.username_key, self.password_key


class AccessKeyRef(SecretRef):
    """Reference to a Secret with an S3 access key and its secret key."""

    access_key_key: SecretKey = Field(
        default="accessKey", description="Key of the Secret that contains the access key."
    )
    secret_key_key: SecretKey = Field(
        default="secretKey", description="Key of the Secret that contains the secret key."
    )

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of access key and secret key."""
        return self.access_key_key, self.secret_key_key


class CaRef(SecretRef):
    """Reference to a key of a Secret with a PEM bundle of certificate authorities."""

    key: SecretKey = Field(default="ca.crt", description="Key of the Secret whose value is the PEM bundle.")


class SecretKeyRef(SecretRef):
    """Reference to a key of a Secret with the key that encrypts the credentials in Harbor's database."""

    key: SecretKey = Field(default="secretKey", description="Key of the Secret whose value has 16 characters.")


class PasswordRef(SecretRef):
    """Reference to a key of a Secret with a password."""

    key: SecretKey = Field(default="password", description="Key of the Secret whose value is the password.")
