"""The Secrets that Harbor reads: what each holds, and how the part that nobody gave us is made."""

# ruff: noqa: S105 - these are the names of keys, not what they hold
from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from pydantic import SecretStr

from harbor_operator.api.backends import Cache

REGISTRY_USER = "harbor_registry_user"
PASSWORD_LENGTH = 32


class Pin(StrEnum):
    """A key of the pins Secret; the words are those the chart looks for, where it looks for any."""

    SECRET_KEY = "secretKey"
    CORE = "secret"
    JOBSERVICE = "JOBSERVICE_SECRET"
    REGISTRY_HTTP = "REGISTRY_HTTP_SECRET"
    CSRF = "CSRF_KEY"
    TOKEN_CERTIFICATE = "tls.crt"
    TOKEN_KEY = "tls.key"
    REGISTRY_PASSWORD = "REGISTRY_PASSWD"
    REGISTRY_HTPASSWD = "REGISTRY_HTPASSWD"
    INTERNAL_DATABASE = "DATABASE_PASSWORD"
    DIGEST_KEY = "DIGEST_KEY"


# secretKey and the XSRF key have exactly these lengths in Harbor; another length breaks logins, not the start.
_LENGTHS = {
    Pin.SECRET_KEY: 16,
    Pin.CORE: 16,
    Pin.JOBSERVICE: 16,
    Pin.REGISTRY_HTTP: 16,
    Pin.CSRF: 32,
    Pin.REGISTRY_PASSWORD: PASSWORD_LENGTH,
    Pin.INTERNAL_DATABASE: PASSWORD_LENGTH,
    Pin.DIGEST_KEY: PASSWORD_LENGTH,
}


class RedisKey(StrEnum):
    """A key of the Secret with the Redis URLs; the words are the environment variables of Harbor's processes."""

    CORE = "_REDIS_URL_CORE"
    REGISTRY = "_REDIS_URL_REG"
    JOBSERVICE = "JOB_SERVICE_POOL_REDIS_URL"
    EXPORTER = "HARBOR_REDIS_URL"
    REGISTRY_PASSWORD = "REGISTRY_REDIS_PASSWORD"


CORE_INDEX, JOBSERVICE_INDEX, REGISTRY_INDEX, TRIVY_INDEX = "0", "1", "2", "5"
SWIFT_PASSWORD_KEY = "REGISTRY_STORAGE_SWIFT_PASSWORD"
CA_KEY = "ca.crt"
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its self-signed certificate, both PEM."""

    key: SecretStr
    certificate: SecretStr


@dataclass(frozen=True, slots=True)
class Chance:
    """Where unguessable things come from; a test passes predictable ones."""

    password: Callable[[int], SecretStr]
    key_pair: Callable[[], KeyPair]
    htpasswd: Callable[[str, SecretStr], SecretStr]


def pins_complete(found: Mapping[str, SecretStr]) -> bool:
    """Whether nothing has to be made."""
    return all(pin in found for pin in Pin)


def make_pins(chance: Chance, found: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Returns a full set of pins that keeps what is there and makes the rest to fit it."""
    pins = {str(pin): found.get(pin) or chance.password(length) for pin, length in _LENGTHS.items()}
    pins |= _token_pair(chance, found)
    kept = found.get(Pin.REGISTRY_HTPASSWD) if Pin.REGISTRY_PASSWORD in found else None
    line = kept or chance.htpasswd(REGISTRY_USER, pins[Pin.REGISTRY_PASSWORD])
    return {**pins, str(Pin.REGISTRY_HTPASSWD): line}


def _token_pair(chance: Chance, found: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    key, certificate = found.get(Pin.TOKEN_KEY), found.get(Pin.TOKEN_CERTIFICATE)
    if key is None or certificate is None:
        pair = chance.key_pair()
        key, certificate = pair.key, pair.certificate
    return {str(Pin.TOKEN_KEY): key, str(Pin.TOKEN_CERTIFICATE): certificate}


def redis_urls(cache: Cache, password: SecretStr) -> dict[str, SecretStr]:
    """Returns the complete URLs as the chart would have put them into ConfigMaps."""
    base = _redis_base(cache, password)
    jobs = SecretStr(f"{base}/{JOBSERVICE_INDEX}")
    return {
        RedisKey.CORE: SecretStr(f"{base}/{CORE_INDEX}?idle_timeout_seconds=30"),
        RedisKey.REGISTRY: SecretStr(f"{base}/{REGISTRY_INDEX}?idle_timeout_seconds=30"),
        RedisKey.JOBSERVICE: jobs,
        RedisKey.EXPORTER: jobs,
        RedisKey.REGISTRY_PASSWORD: password,
    }


def _redis_base(cache: Cache, password: SecretStr) -> str:
    scheme = "rediss" if cache.tls else "redis"
    credential = f":{quote(password.get_secret_value(), safe='')}@"
    if cache.sentinel_master:
        return f"{scheme}+sentinel://{credential}{','.join(cache.addresses)}/{cache.sentinel_master}"
    return f"{scheme}://{credential}{cache.addresses[0]}"


def ca_bundle(pems: list[str]) -> str:
    """Returns every different certificate text once, in the given order; empty if there is none."""
    distinct = dict.fromkeys(pem.strip() for pem in pems if pem.strip())
    return "".join(f"{pem}\n" for pem in distinct)


def scrubbed(text: str, secrets: Iterable[SecretStr]) -> str:
    """Returns what a foreign program wrote without the secrets, plain or as base64; words too short to hide stay."""
    plain = {secret.get_secret_value() for secret in secrets}
    encoded = {base64.b64encode(secret.encode()).decode() for secret in plain}
    for secret in sorted(plain | encoded, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
