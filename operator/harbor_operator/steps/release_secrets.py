"""Everything the release reads from Secrets: found, made once, or copied under the keys the chart looks for."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.api.base import CaRef, SecretRef
from harbor_operator.api.v1alpha1 import HarborRegistry, Release, ValuesFrom
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import ReleaseLogin, ReleaseSecrets, SecretGenerator, UserValues
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import (
    CA_KEY,
    PASSWORD_LENGTH,
    SWIFT_PASSWORD_KEY,
    ca_bundle,
    generate_secrets,
    has_all_generated,
    redis_urls,
)
from harbor_operator.plan.values.user import parse_values
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.references import read_bundle, read_login, read_values

ADMIN_KEY = "password"


class ReleaseSecretStore:
    """The Secrets of one release; writes only what differs, and raises Refused for what the user has to provide."""

    def __init__(self, kube: NamespaceResources, generator: SecretGenerator) -> None:
        self._kube = kube
        self._generator = generator

    async def ensure(self, registry: HarborRegistry, release: Release) -> ReleaseSecrets | Blocked:
        """Returns what the Secrets hold, after making ours what they should be."""
        user_values = await self._user_values(registry, release)
        if isinstance(user_values, Blocked):
            return user_values
        release_secrets = ReleaseSecrets(
            generated=await self._generated(registry),
            admin_password=await self._admin_password(registry),
            database_login=await self._database_login(registry),
            cache_password=await self._cache_password(registry),
            storage_login=await self._storage_login(registry),
            ca_bundle=await self._ca_bundle(registry),
            user_values=user_values,
        )
        await self._publish(registry, release_secrets)
        return release_secrets

    async def remove(self, registry: HarborRegistry, *, keep_generated: bool) -> None:
        """Removes our copies, and what protects the data unless the data stays."""
        owner = names.owner_labels(registry)
        ours = [names.cache_secret(registry), names.storage_secret(registry), names.ca_secret(registry)]
        if not keep_generated:
            ours.append(names.generated_secrets(registry))
            ours += [] if registry.spec.admin_password_secret_ref else [names.admin_secret(registry)]
        for name in ours:
            await self._kube.remove_secret(registry.metadata.namespace, name, owner)

    async def _generated(self, registry: HarborRegistry) -> dict[str, SecretStr]:
        namespace, name, owner = (
            registry.metadata.namespace,
            names.generated_secrets(registry),
            names.owner_labels(registry),
        )
        found = await self._kube.read_secret(namespace, name)
        # Asked for only if something is missing: making a key pair costs a tenth of a second of everybody's time.
        if found is None or not has_all_generated(found.values) or not owner.items() <= found.labels.items():
            kept = found.values if found else {}
            found = await self._kube.ensure_secret(
                namespace, name, lambda: generate_secrets(self._generator, kept), owner
            )
        return dict(found.values)

    async def _admin_password(self, registry: HarborRegistry) -> SecretStr:
        given = registry.spec.admin_password_secret_ref
        if given:
            return await self._given(registry, given, given.key, "spec.adminPasswordSecretRef")
        name = names.admin_secret(registry)
        stored = await self._kube.ensure_secret(
            registry.metadata.namespace,
            name,
            lambda: {ADMIN_KEY: self._generator.password(PASSWORD_LENGTH)},
            names.owner_labels(registry),
        )
        return stored.values[ADMIN_KEY]

    async def _database_login(self, registry: HarborRegistry) -> ReleaseLogin | None:
        if registry.spec.database is None:
            return None
        ours = SecretRef(name=names.database_secret(registry))
        return await self._login(registry, ours, "spec.database")

    async def _cache_password(self, registry: HarborRegistry) -> SecretStr | None:
        cache = registry.spec.cache
        if cache is None or cache.password_secret_ref is None:
            return None
        given = cache.password_secret_ref
        return await self._given(registry, given, given.key, "spec.cache.passwordSecretRef")

    async def _storage_login(self, registry: HarborRegistry) -> ReleaseLogin | None:
        storage = registry.spec.storage
        if storage is None or storage.swift is None:
            return None
        return await self._login(
            registry, storage.swift.credentials_secret_ref, "spec.storage.swift.credentialsSecretRef"
        )

    async def _ca_bundle(self, registry: HarborRegistry) -> str:
        spec = registry.spec
        wanted: list[tuple[CaRef | None, str]] = [(spec.ca_secret_ref, "spec.caSecretRef")]
        if spec.storage and spec.storage.swift:
            wanted.append((spec.storage.swift.ca_secret_ref, "spec.storage.swift.caSecretRef"))
        if spec.database:
            wanted.append((spec.database.ca_secret_ref, "spec.database.caSecretRef"))
        pems = [await read_bundle(self._kube, registry, ref, field) for ref, field in wanted]
        return ca_bundle([pem for pem in pems if pem])

    async def _publish(self, registry: HarborRegistry, release_secrets: ReleaseSecrets) -> None:
        """Writes the Secrets that pods read; each before the release that refers to it."""
        copies: dict[str, dict[str, SecretStr]] = {}
        if registry.spec.cache and release_secrets.cache_password:
            copies[names.cache_secret(registry)] = redis_urls(registry.spec.cache, release_secrets.cache_password)
        if release_secrets.storage_login:
            copies[names.storage_secret(registry)] = {SWIFT_PASSWORD_KEY: release_secrets.storage_login.password}
        if release_secrets.ca_bundle:
            copies[names.ca_secret(registry)] = {CA_KEY: SecretStr(release_secrets.ca_bundle)}
        for name, values in copies.items():
            await self._kube.apply_secret(registry.metadata.namespace, name, values, names.owner_labels(registry))

    async def _user_values(self, registry: HarborRegistry, release: Release) -> tuple[UserValues, ...] | Blocked:
        sources: list[UserValues] = []
        for number, source in enumerate(release.values_from):
            origin = f"{source.kind} '{source.name}' key '{source.key}'"
            text = await self._values_text(registry, source, f"spec.release.valuesFrom[{number}]")
            parsed = parse_values(origin, text, secret=source.kind == "Secret")
            if isinstance(parsed, Blocked):
                return parsed
            sources.append(parsed)
        return (*sources, UserValues("`spec.release.values`", release.values))

    async def _values_text(self, registry: HarborRegistry, source: ValuesFrom, field: str) -> str:
        if source.kind == "Secret":
            return (await self._given(registry, SecretRef(name=source.name), source.key, field)).get_secret_value()
        data = await self._kube.read_config_map(registry.metadata.namespace, source.name)
        if data is None or source.key not in data:
            raise Refused(
                Reason.VALUES_INVALID,
                f"ConfigMap '{source.name}' has no key '{source.key}' in namespace '{registry.metadata.namespace}';"
                f" `{field}` needs it",
            )
        return data[source.key]

    async def _login(self, registry: HarborRegistry, ref: SecretRef, field: str) -> ReleaseLogin:
        return ReleaseLogin(*await read_login(self._kube, registry, ref, field))

    async def _given(self, registry: HarborRegistry, ref: SecretRef, key: str, field: str) -> SecretStr:
        (value,) = await read_values(self._kube, registry, ref, field, [key])
        return value
