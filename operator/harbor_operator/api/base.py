"""What every model of the custom resource shares, and the references to Secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ProjectName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$")]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


def _no_trailing_slash(url: str) -> str:
    return url.rstrip("/")


ExternalUrl = Annotated[
    str, Field(max_length=512, pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$"), AfterValidator(_no_trailing_slash)
]

_HOST_AND_PATH = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)"
# A name never begins with a hyphen: Helm would read it as an option.
ChartName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        pattern=rf"^([A-Za-z0-9][A-Za-z0-9._-]*|oci://{_HOST_AND_PATH}+|/[^\x00-\x1f]*)$",
    ),
]
RepositoryUrl = Annotated[str, Field(max_length=1024, pattern=rf"^https://{_HOST_AND_PATH}*/?$")]


class Model(BaseModel):
    """A frozen piece of the resource; camelCase outside, snake_case inside, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel)


class SecretRef(Model):
    """Names a Secret in the namespace of the registry."""

    name: ObjectName = Field(description="Name of a Secret in the registry's own namespace.")


class CredentialsRef(SecretRef):
    """Names a Secret that holds `username` and `password`."""


class CaRef(SecretRef):
    """Names the key of a Secret that holds a PEM bundle of certificate authorities."""

    key: str = Field(default="ca.crt", description="Key of the Secret that holds the PEM bundle.")


class PasswordRef(SecretRef):
    """Names the key of a Secret that holds a password."""

    key: str = Field(default="password", description="Key of the Secret that holds the password.")
