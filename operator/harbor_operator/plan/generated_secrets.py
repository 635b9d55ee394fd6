"""The Secrets that Harbor reads: what each contains, and how generated values are derived."""

# ruff: noqa: S105 - these are the names of keys, not what they hold
from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from pydantic import SecretStr

from harbor_operator.api.backends import Cache
from harbor_operator.checks.release_data import KEY_DIGEST_KEY
from harbor_operator.model.release import GeneratedSecret, RedisKey, ReleaseLogin, ReleaseSecrets, SecretGenerator
from harbor_operator.plan.registry_text import registry_variable

REGISTRY_USER = "harbor_registry_user"
PASSWORD_LENGTH = 32

# secretKey and the XSRF key have exactly these lengths in Harbor; with another length it starts, but logins fail.
_LENGTHS = {
    GeneratedSecret.SECRET_KEY: 16,
    GeneratedSecret.CORE: 16,
    GeneratedSecret.JOBSERVICE: 16,
    GeneratedSecret.REGISTRY_HTTP: 16,
    GeneratedSecret.CSRF: 32,
    GeneratedSecret.REGISTRY_PASSWORD: PASSWORD_LENGTH,
    GeneratedSecret.INTERNAL_DATABASE: PASSWORD_LENGTH,
    GeneratedSecret.DIGEST_KEY: PASSWORD_LENGTH,
}

CORE_INDEX, JOBSERVICE_INDEX, REGISTRY_INDEX, TRIVY_INDEX = "0", "1", "2", "5"
SWIFT_PASSWORD_KEY = "REGISTRY_STORAGE_SWIFT_PASSWORD"
S3_KEYS = (
    ("REGISTRY_STORAGE_S3_ACCESSKEY", "AWS_ACCESS_KEY_ID"),
    ("REGISTRY_STORAGE_S3_SECRETKEY", "AWS_SECRET_ACCESS_KEY"),
)
"""The names of access key and secret key for the registry, and for ChartMuseum, which chart 1.11 can run."""
CA_KEY = "ca.crt"
RELEASE_NAME_KEY = "RELEASE_NAME"
"""Key beside the generated secrets: the Helm release that they, and the chart's volumes, belong to."""
CHART_VERSION_KEY = "CHART_VERSION"
"""Key beside the generated secrets: the last chart that was deployed on the database in its volume."""
CORE_LOGIN_KEY, JOBSERVICE_LOGIN_KEY = "CORE_DATABASE_LOGIN", "JOBSERVICE_DATABASE_LOGIN"
"""Keys beside the generated secrets: digests of the login of the database with which core was last deployed, and for
which jobservice was restarted after that; the second only after the first change of the login."""

SETTLED_LOGIN_KEY = "SETTLED_DATABASE_LOGIN"
"""Key beside the generated secrets: the digest of the login that all pods have, core and then jobservice."""

FIRST_CERTIFICATE_KEY = "NGINX_FIRST_CERTIFICATE"
FIRST_CA_KEY = "TRIVY_FIRST_CA"
"""Keys beside the generated secrets: digests of the first certificate of the chart's nginx and of Trivy's first CA
bundle. Pods carry a digest only after a change, so that an upgrade of the operator restarts none."""

CERTIFICATE_KEY = "NGINX_CERTIFICATE"
"""Key beside the generated secrets: the digest of the newest certificate of the chart's nginx. While the Secret with
the certificate does not exist, nginx keeps this one."""

STORAGE_MIGRATION_KEY = "STORAGE_MIGRATION"
"""Key beside the generated secrets: the record of a migration of the images to another storage."""

RECORD_KEYS = frozenset(
    {
        RELEASE_NAME_KEY,
        CHART_VERSION_KEY,
        KEY_DIGEST_KEY,
        CORE_LOGIN_KEY,
        JOBSERVICE_LOGIN_KEY,
        SETTLED_LOGIN_KEY,
        FIRST_CERTIFICATE_KEY,
        CERTIFICATE_KEY,
        FIRST_CA_KEY,
        STORAGE_MIGRATION_KEY,
    }
)
"""Keys of the Secret with generated values that contain no secret, but what was done with them."""

_MIN_REDACTED_LENGTH = 4


def placeholders() -> dict[str, SecretStr]:
    """Returns a value for every generated secret, for a plan that is checked before anything is generated."""
    return {str(generated_key): SecretStr("") for generated_key in GeneratedSecret}


def has_all_generated(found: Mapping[str, SecretStr]) -> bool:
    """Whether nothing has to be generated."""
    return all(generated_key in found for generated_key in GeneratedSecret)


def generate_secrets(generator: SecretGenerator, found: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Returns a complete set that keeps what exists and generates the rest to match it."""
    generated = {
        str(generated_key): found.get(generated_key) or generator.password(length)
        for generated_key, length in _LENGTHS.items()
    }
    generated |= _token_pair(generator, found)
    kept = found.get(GeneratedSecret.REGISTRY_HTPASSWD) if GeneratedSecret.REGISTRY_PASSWORD in found else None
    line = kept or generator.htpasswd(REGISTRY_USER, generated[GeneratedSecret.REGISTRY_PASSWORD])
    return {**generated, str(GeneratedSecret.REGISTRY_HTPASSWD): line}


def _token_pair(generator: SecretGenerator, found: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    key, certificate = found.get(GeneratedSecret.TOKEN_KEY), found.get(GeneratedSecret.TOKEN_CERTIFICATE)
    if key is None or certificate is None:
        pair = generator.key_pair()
        key, certificate = pair.key, pair.certificate
    return {str(GeneratedSecret.TOKEN_KEY): key, str(GeneratedSecret.TOKEN_CERTIFICATE): certificate}


def database_login_digest(secrets: ReleaseSecrets) -> str:
    """Returns a digest that changes with the login of the database; empty without `spec.database`."""
    login = secrets.database_login
    return secrets.keyed_digest(login.username, login.password.get_secret_value()) if login else ""


def certificate_digest(secrets: ReleaseSecrets) -> str:
    """Returns a digest that changes with the certificate of the chart's nginx; empty without one."""
    return secrets.keyed_digest(secrets.certificate) if secrets.certificate else ""


def ca_digest(secrets: ReleaseSecrets) -> str:
    """Returns a digest that changes with the CA bundle; empty without one."""
    return secrets.keyed_digest(secrets.ca_bundle) if secrets.ca_bundle else ""


def changed_ca(secrets: ReleaseSecrets) -> str:
    """Returns the digest of a CA bundle that replaced the first one, or an empty text."""
    digest = ca_digest(secrets)
    return digest if secrets.first_ca not in {"", digest} else ""


def renewed_certificate(secrets: ReleaseSecrets) -> str:
    """Returns the digest of a certificate that replaced the first one, or an empty text.

    A Secret that is deleted so that its certificate is issued again keeps the digest: the pods would restart without
    it, and again with the next one.
    """
    digest = certificate_digest(secrets) or secrets.last_certificate
    return digest if secrets.first_certificate not in {"", digest} else ""


def redis_urls(cache: Cache, password: SecretStr) -> dict[str, SecretStr]:
    """Returns the complete URLs, as the chart would write them into ConfigMaps."""
    base = _redis_base(cache, password)
    jobs = SecretStr(f"{base}/{JOBSERVICE_INDEX}")
    return {
        RedisKey.CORE: SecretStr(f"{base}/{CORE_INDEX}?idle_timeout_seconds=30"),
        RedisKey.REGISTRY: SecretStr(f"{base}/{REGISTRY_INDEX}?idle_timeout_seconds=30"),
        RedisKey.JOBSERVICE: jobs,
        RedisKey.EXPORTER: jobs,
        RedisKey.REGISTRY_PASSWORD: registry_variable(password),
    }


def _redis_base(cache: Cache, password: SecretStr) -> str:
    scheme = "rediss" if cache.tls else "redis"
    credential = f"{quote(cache.username, safe='')}:{quote(password.get_secret_value(), safe='')}@"
    if cache.sentinel_master:
        return f"{scheme}+sentinel://{credential}{','.join(cache.addresses)}/{cache.sentinel_master}"
    return f"{scheme}://{credential}{cache.addresses[0]}"


def ca_bundle(pems: list[str]) -> str:
    """Returns every distinct certificate text once, in the given order; empty if there is none."""
    distinct = dict.fromkeys(pem.strip() for pem in pems if pem.strip())
    return "".join(f"{pem}\n" for pem in distinct)


def redact(text: str, secrets: Iterable[SecretStr]) -> str:
    """Returns the output of another program without the secrets, plain or as base64; very short ones stay."""
    plain = {secret.get_secret_value() for secret in secrets}
    encoded = {base64.b64encode(secret.encode()).decode() for secret in plain}
    for secret in sorted(plain | encoded, key=len, reverse=True):
        if len(secret) >= _MIN_REDACTED_LENGTH:
            text = text.replace(secret, "***")
    return text


def s3_keys(login: ReleaseLogin) -> dict[str, SecretStr]:
    """Returns the Secret with the keys of a bucket, under the keys that the chart expects."""
    values = (SecretStr(login.username), login.password)
    return {
        name: registry_variable(value) if name.startswith("REGISTRY_") else value
        for named, value in zip(S3_KEYS, values, strict=True)
        for name in named
    }


def swift_keys(login: ReleaseLogin) -> dict[str, SecretStr]:
    """Returns the Secret with the password of a Swift user, under the key that the chart expects."""
    return {SWIFT_PASSWORD_KEY: registry_variable(login.password)}


def driver_keys(credential: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Returns the Secret with the credential of `spec.storage.driver`, under the keys that the chart expects.

    All are variables of the registry, except for the key of Google, which is a file.
    """
    return {key: value if key == "GCS_KEY_DATA" else registry_variable(value) for key, value in credential.items()}
