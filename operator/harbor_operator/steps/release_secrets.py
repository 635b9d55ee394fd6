"""The Secrets of a release: read what they contain, then create and copy what the chart looks for.

`read` and `ensure` are separate so that a spec that is refused writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.base import CaRef, PasswordRef, SecretRef
from harbor_operator.api.storage_driver import DriverName
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.published_secrets import published_secret_warnings
from harbor_operator.checks.references import check_basic_username, describe_secret
from harbor_operator.checks.release_data import KEY_DIGEST_KEY, check_secret_key, check_used_key
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.model.release import (
    GeneratedSecret,
    ReleaseLogin,
    ReleaseSecrets,
    RepositoryAccess,
    SecretGenerator,
)
from harbor_operator.plan import names
from harbor_operator.plan.authentication import section
from harbor_operator.plan.generated_secrets import (
    CA_KEY,
    CERTIFICATE_KEY,
    CHART_VERSION_KEY,
    FIRST_CA_KEY,
    FIRST_CERTIFICATE_KEY,
    JOBSERVICE_LOGIN_KEY,
    PASSWORD_LENGTH,
    RECORD_KEYS,
    RELEASE_NAME_KEY,
    ca_bundle,
    driver_keys,
    generate_secrets,
    has_all_generated,
    placeholders,
    redis_urls,
    s3_keys,
    swift_keys,
)
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_database import read_database_login
from harbor_operator.steps.internal_tls import InternalCertificates
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.references import read_bundle, read_credentials, read_login, read_values
from harbor_operator.steps.release_records import first_records, needed_records, read_certificate
from harbor_operator.steps.storage_in_use import MigrationRecords
from harbor_operator.steps.user_values import read_user_values

ADMIN_KEY = "password"


class ReleaseSecretStore:
    """The Secrets of one release; raises BlockedError for what the user has to provide."""

    def __init__(self, kube: NamespaceResources, generator: SecretGenerator, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._generator = generator
        self._certificates = InternalCertificates(kube, generator.certificates, clock)

    async def read(self, registry: HarborRegistry, release: Release) -> ReleaseSecrets | Blocked:
        """Returns what the Secrets contain, with an empty text for what `ensure` has yet to generate."""
        user_values = await read_user_values(self._kube, registry, release)
        if isinstance(user_values, Blocked):
            return user_values
        stored = await self._read_generated(registry)
        imported = await self._read_secret_key(registry, release)
        old_key = stored.get(GeneratedSecret.SECRET_KEY)
        generated_name = names.generated_secrets(registry)
        field, used = "spec.release.secretKeyRef", _text(stored, KEY_DIGEST_KEY)
        if blocked := (
            check_used_key(imported, old_key, used, field, generated_name)
            or check_secret_key(imported, old_key, field, generated_name)
        ):
            return blocked
        given = {str(GeneratedSecret.SECRET_KEY): imported} if imported else {}
        return ReleaseSecrets(
            generated={**placeholders(), **given, **_generated(stored)},
            release_name=_text(stored, RELEASE_NAME_KEY),
            chart_version=_text(stored, CHART_VERSION_KEY),
            jobservice_login=_text(stored, JOBSERVICE_LOGIN_KEY),
            certificate=await read_certificate(self._kube, registry),
            first_certificate=_text(stored, FIRST_CERTIFICATE_KEY),
            last_certificate=_text(stored, CERTIFICATE_KEY),
            first_ca=_text(stored, FIRST_CA_KEY),
            storage_migration=await MigrationRecords(self._kube).read(registry),
            admin_password=await self._read_admin_password(registry),
            database_login=await read_database_login(self._kube, registry),
            cache_password=await self._read_cache_password(registry),
            storage_login=await self._read_storage_login(registry),
            driver_credential=await self._read_driver_credential(registry),
            ca_bundle=await self._read_ca_bundle(registry),
            repository_access=await read_repository_access(self._kube, registry, release),
            user_values=user_values,
            certificates=await self._certificates.read(registry, release, user_values),
        )

    async def read_warnings(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns a warning for each generated secret that is a published default of the chart."""
        return published_secret_warnings(names.generated_secrets(registry), await self._read_generated(registry))

    async def ensure(self, registry: HarborRegistry, release: Release, found: ReleaseSecrets) -> ReleaseSecrets:
        """Generates what is missing, writes the copies that differ, and returns what the Secrets contain now."""
        stored = await self._ensure_generated(registry, found)
        secrets = replace(
            found,
            generated=_generated(stored),
            release_name=_text(stored, RELEASE_NAME_KEY),
            first_certificate=_text(stored, FIRST_CERTIFICATE_KEY),
            last_certificate=_text(stored, CERTIFICATE_KEY),
            first_ca=_text(stored, FIRST_CA_KEY),
            admin_password=await self._ensure_admin_password(registry, found),
            certificates=await self._certificates.ensure(registry, release, found.user_values),
        )
        for name, values in _copies(registry, secrets).items():
            await self._kube.apply_secret(registry.metadata.namespace, name, values, names.owner_labels(registry))
        return secrets

    async def remove_copies(self, registry: HarborRegistry) -> None:
        """Removes the copies of what other Secrets contain, and certificates; nothing that the data depends on."""
        owner = names.owner_labels(registry)
        for name in (names.cache_secret(registry), names.storage_secret(registry), names.ca_secret(registry)):
            await self._kube.remove_secret(registry.metadata.namespace, name, owner)
        await self._certificates.remove(registry)

    async def _read_generated(self, registry: HarborRegistry) -> dict[str, SecretStr]:
        return dict(await OwnSecret(self._kube, names.generated_secrets).read(registry))

    async def _ensure_generated(self, registry: HarborRegistry, found: ReleaseSecrets) -> dict[str, SecretStr]:
        kept = await self._read_generated(registry)
        # Generated only if something is missing: a key pair costs a tenth of a second on the event loop.
        if has_all_generated(kept) and needed_records(found) <= kept.keys():
            return kept
        known = {key: value for key, value in found.generated.items() if value.get_secret_value()}

        def complete() -> dict[str, SecretStr]:
            generated = generate_secrets(self._generator, known)
            return generated | first_records(names.release(registry), replace(found, generated=generated))

        stored = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.generated_secrets(registry),
            complete,
            names.owner_labels(registry),
        )
        return dict(stored.values)

    async def _read_secret_key(self, registry: HarborRegistry, release: Release) -> SecretStr | None:
        ref = release.secret_key_ref
        return await self._read_key(registry, ref, ref.key, "spec.release.secretKeyRef") if ref else None

    async def _read_admin_password(self, registry: HarborRegistry) -> SecretStr:
        given = registry.spec.admin_password_secret_ref
        if given:
            return await self._read_password(registry, given, "spec.adminPasswordSecretRef")
        stored = await self._kube.read_secret(registry.metadata.namespace, names.admin_secret(registry))
        return stored.values.get(ADMIN_KEY, SecretStr("")) if stored else SecretStr("")

    async def _ensure_admin_password(self, registry: HarborRegistry, found: ReleaseSecrets) -> SecretStr:
        if registry.spec.admin_password_secret_ref:
            return found.admin_password
        stored = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.admin_secret(registry),
            lambda: {ADMIN_KEY: _known(found.admin_password) or self._generator.password(PASSWORD_LENGTH)},
            names.owner_labels(registry),
        )
        return stored.values[ADMIN_KEY]

    async def _read_cache_password(self, registry: HarborRegistry) -> SecretStr | None:
        cache = registry.spec.cache
        if cache is None or cache.password_secret_ref is None:
            return None
        given = cache.password_secret_ref
        return await self._read_password(registry, given, "spec.cache.passwordSecretRef")

    async def _read_storage_login(self, registry: HarborRegistry) -> ReleaseLogin | None:
        storage = registry.spec.storage
        if storage and storage.swift:
            ref, field = storage.swift.credentials_secret_ref, "spec.storage.swift.credentialsSecretRef"
            return ReleaseLogin(*await read_login(self._kube, registry, ref, field))
        if storage and storage.s3 and storage.s3.credentials_secret_ref:
            keys, field = storage.s3.credentials_secret_ref, "spec.storage.s3.credentialsSecretRef"
            access_key, secret_key = await read_credentials(self._kube, registry, keys, field, keys.keys)
            return ReleaseLogin(access_key.get_secret_value(), secret_key)
        return None

    async def _read_driver_credential(self, registry: HarborRegistry) -> dict[str, SecretStr]:
        driver = registry.spec.storage.driver if registry.spec.storage else None
        if driver is None or driver.secret_ref is None:
            return {}
        keys, field = tuple(driver.support.credential), "spec.storage.driver.secretRef"
        read = read_values if driver.name is DriverName.GCS else read_credentials  # a JSON file ends with a line break
        return dict(zip(keys, await read(self._kube, registry, driver.secret_ref, field, keys), strict=True))

    async def _read_ca_bundle(self, registry: HarborRegistry) -> str:
        spec = registry.spec
        refs: list[tuple[CaRef | None, str]] = [(spec.ca_secret_ref, "spec.caSecretRef")]
        if spec.storage and spec.storage.swift:
            refs.append((spec.storage.swift.ca_secret_ref, "spec.storage.swift.caSecretRef"))
        if spec.storage and spec.storage.s3:
            refs.append((spec.storage.s3.ca_secret_ref, "spec.storage.s3.caSecretRef"))
        if spec.storage and spec.storage.driver:
            refs.append((spec.storage.driver.ca_secret_ref, "spec.storage.driver.caSecretRef"))
        if spec.database:
            refs.append((spec.database.ca_secret_ref, "spec.database.caSecretRef"))
        if spec.cache:
            refs.append((spec.cache.ca_secret_ref, "spec.cache.caSecretRef"))
        if spec.authentication:
            login = spec.authentication.kind
            refs.append((login.ca_secret_ref, f"{section(login)}.caSecretRef"))
        pems = [await read_bundle(self._kube, registry, ref, field) for ref, field in refs]
        return ca_bundle([pem for pem in pems if pem])

    async def _read_password(self, registry: HarborRegistry, ref: PasswordRef, field: str) -> SecretStr:
        (value,) = await read_credentials(self._kube, registry, ref, field, [ref.key])
        return value

    async def _read_key(self, registry: HarborRegistry, ref: SecretRef, key: str, field: str) -> SecretStr:
        (value,) = await read_values(self._kube, registry, ref, field, [key])
        return value


async def read_repository_access(
    kube: NamespaceResources, registry: HarborRegistry, release: Release
) -> RepositoryAccess:
    """Returns the login and the CA of the source of the chart; BlockedError if their Secrets cannot be used."""
    field, ref = "spec.release.repositorySecretRef", release.repository_secret_ref
    ca_ref, ca_field = release.repository_ca_secret_ref, "spec.release.repositoryCASecretRef"
    ca = await read_bundle(kube, registry, ca_ref, ca_field) or ""
    if ref is None:
        return RepositoryAccess(ca=ca)
    login = ReleaseLogin(*await read_login(kube, registry, ref, field))
    where = describe_secret(registry.metadata.namespace, ref.name)
    raise_if_blocked(check_basic_username(where, field, ref.username_key, login.username))
    return RepositoryAccess(login, ca)


def _known(secret: SecretStr) -> SecretStr | None:
    return secret if secret.get_secret_value() else None


def _generated(stored: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    return {key: value for key, value in stored.items() if key not in RECORD_KEYS}


def _text(stored: Mapping[str, SecretStr], key: str) -> str:
    return stored[key].get_secret_value() if key in stored else ""


def _copies(registry: HarborRegistry, secrets: ReleaseSecrets) -> dict[str, dict[str, SecretStr]]:
    """Returns the Secrets that pods read, under the keys that the chart expects."""
    copies: dict[str, dict[str, SecretStr]] = {}
    if registry.spec.cache and secrets.cache_password:
        copies[names.cache_secret(registry)] = redis_urls(registry.spec.cache, secrets.cache_password)
    if secrets.storage_login:
        s3 = registry.spec.storage is not None and registry.spec.storage.s3 is not None
        copies[names.storage_secret(registry)] = (
            s3_keys(secrets.storage_login) if s3 else swift_keys(secrets.storage_login)
        )
    if secrets.driver_credential:
        copies[names.storage_secret(registry)] = driver_keys(secrets.driver_credential)
    if secrets.ca_bundle:
        copies[names.ca_secret(registry)] = {CA_KEY: SecretStr(secrets.ca_bundle)}
    return copies
