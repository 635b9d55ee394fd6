"""The base class of the custom resource's models, and the references to Secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class Model(BaseModel):
    """An immutable part of the resource: camelCase in JSON, snake_case in Python, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel)


class SecretRef(Model):
    """Names a Secret in the namespace of the registry."""

    name: ObjectName = Field(description="Name of a Secret in the registry's own namespace.")


class CredentialsRef(SecretRef):
    """Names a Secret with the keys `username` and `password`."""


class CaRef(SecretRef):
    """Names the key of a Secret that contains a PEM bundle of certificate authorities."""

    key: str = Field(default="ca.crt", description="Key of the Secret that holds the PEM bundle.")


class PasswordRef(SecretRef):
    """Names the key of a Secret that contains a password."""

    key: str = Field(default="password", description="Key of the Secret that holds the password.")
