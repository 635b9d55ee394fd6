"""Secrets of an adopted Harbor that the chart publishes as its defaults."""

# ruff: noqa: S105 - the published values
from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.reasons import Reason

_DEFAULT_SECRET_KEY = "not-a-secure-key"
_DEFAULT_REGISTRY_PASSWORD = "harbor_registry_password"


def published_secret_warnings(secret: str, generated: Mapping[str, SecretStr]) -> tuple[StatusWarning, ...]:
    """Returns a warning for each default of the chart in the Secret with the generated secrets."""
    key, password = GeneratedSecret.SECRET_KEY, GeneratedSecret.REGISTRY_PASSWORD
    found = []
    if _is(generated, key, _DEFAULT_SECRET_KEY):
        found.append(
            f"key '{key}' of Secret '{secret}' is the default of the chart, which everyone knows: anyone who can "
            "read the database, or a dump of it, can decrypt the credentials in it. Harbor cannot change its key: let "
            "no one else read them, or replicate the images into a new HarborRegistry"
        )
    if _is(generated, password, _DEFAULT_REGISTRY_PASSWORD):
        found.append(
            f"key '{password}' of Secret '{secret}' is the default of the chart, which everyone knows: every pod that "
            f"reaches the registry can read and write all images. Delete the keys '{password}' and "
            f"'{GeneratedSecret.REGISTRY_HTPASSWD}' of the Secret: the operator generates others, and Helm restarts "
            "core, jobservice and registry once"
        )
    return tuple(StatusWarning(Reason.PUBLISHED_SECRET, message) for message in found)


def _is(generated: Mapping[str, SecretStr], key: str, value: str) -> bool:
    return key in generated and generated[key].get_secret_value() == value
