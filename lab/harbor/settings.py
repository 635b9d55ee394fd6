"""The environment of Harbor's core container."""

from __future__ import annotations

import base64
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.harbor.internal_tls import client_context

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_KEY_CHARACTERS = 16
VERSION_VARIABLE = "HARBOR_LAB_VERSION"
"""The tag of core's image, whose schema the database gets; in a container, the image has the variable."""
DEFAULT_VERSION = "v2.15.1"


class BadSettings(Exception):  # noqa: N818 - describes the settings
    """A variable is missing or invalid; the message names it."""


@dataclass(frozen=True, repr=False)
class Settings:
    """The parsed environment, with the same defaults as a real core."""

    postgresql: Mapping[str, Any]
    redis_url: str
    registry_url: str
    registry_credential: tuple[str, str]
    registry_redis_url: str
    registry_controller_url: str
    external_url: str
    core_url: str
    admin_password: str
    token_key: rsa.RSAPrivateKey
    storage_provider: str
    config_overwrite: str
    with_trivy: bool
    has_ca_root: bool
    ca_file: str | None
    encryption_key: bytes
    ldapsearch: str
    ldap_libraries: str
    harbor_version: str
    internal_tls: ssl.SSLContext | None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Parses the environment. Raises BadSettings if a variable is missing or invalid."""
    return Settings(
        harbor_version=environ.get(VERSION_VARIABLE, DEFAULT_VERSION),
        encryption_key=_encryption_key(environ),
        postgresql=_postgresql(environ),
        redis_url=_need(environ, "_REDIS_URL_CORE"),
        registry_url=_need(environ, "REGISTRY_URL").rstrip("/"),
        registry_credential=(
            _need(environ, "REGISTRY_CREDENTIAL_USERNAME"),
            _need(environ, "REGISTRY_CREDENTIAL_PASSWORD"),
        ),
        registry_redis_url=environ.get("_REDIS_URL_REG", ""),
        registry_controller_url=environ.get("REGISTRY_CONTROLLER_URL", "").rstrip("/"),
        external_url=_need(environ, "EXT_ENDPOINT").rstrip("/"),
        core_url=environ.get("CORE_URL", "").rstrip("/"),
        admin_password=_need(environ, "HARBOR_ADMIN_PASSWORD"),
        token_key=_token_key(Path(environ.get("TOKEN_PRIVATE_KEY_PATH", "/etc/core/private_key.pem"))),
        storage_provider=environ.get("REGISTRY_STORAGE_PROVIDER_NAME", ""),
        config_overwrite=environ.get("CONFIG_OVERWRITE_JSON", ""),
        with_trivy=environ.get("WITH_TRIVY", "false") == "true",
        has_ca_root=Path(environ.get("CA_DOWNLOAD_PATH", "/etc/core/ca/ca.crt")).exists(),
        ca_file=environ.get("SSL_CERT_FILE"),
        ldapsearch=environ.get("LAB_LDAPSEARCH", "ldapsearch"),
        ldap_libraries=environ.get("LAB_LDAP_LIBRARIES", ""),
        internal_tls=client_context(environ),
    )


def _need(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise BadSettings(f"the environment variable `{name}` must be set: Harbor's core cannot start without it")
    return value


def _encryption_key(environ: Mapping[str, str]) -> bytes:
    """Returns the key of secret settings; also checks the secrets shared with the jobservice, which are not used."""
    _need(environ, "CORE_SECRET")
    _need(environ, "JOBSERVICE_SECRET")
    path = Path(environ.get("KEY_PATH", "/etc/core/key"))
    key = path.read_text().strip() if path.exists() else ""
    if len(key) != SECRET_KEY_CHARACTERS:
        raise BadSettings(f"`KEY_PATH` ({path}) must be a file of exactly {SECRET_KEY_CHARACTERS} characters")
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())


def _postgresql(environ: Mapping[str, str]) -> Mapping[str, Any]:
    mode = environ.get("POSTGRESQL_SSLMODE", "disable")
    arguments: dict[str, Any] = {
        "host": _need(environ, "POSTGRESQL_HOST"),
        "port": int(environ.get("POSTGRESQL_PORT", "5432")),
        "user": _need(environ, "POSTGRESQL_USERNAME"),
        "password": _need(environ, "POSTGRESQL_PASSWORD"),
        "dbname": _need(environ, "POSTGRESQL_DATABASE"),
        "sslmode": mode,
        "connect_timeout": 10,
    }
    if mode.startswith("verify-"):
        arguments["sslrootcert"] = environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return arguments


def _token_key(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        raise BadSettings(f"`TOKEN_PRIVATE_KEY_PATH` ({path}) must be a file with an RSA private key")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise BadSettings(f"`TOKEN_PRIVATE_KEY_PATH` ({path}) contains no private key in PEM format") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadSettings(f"`TOKEN_PRIVATE_KEY_PATH` ({path}) must contain an RSA key: tokens are signed with RS256")
    return key
