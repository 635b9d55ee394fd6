"""Harbor's database as Harbor's own login finds it: whether it has tables, and which migration was the last."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import ObservedSchema, PostgresLogin, PostgresServer
from harbor_operator.model.release import ReleaseSecrets
from harbor_operator.plan import names
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres
from harbor_operator.steps.references import read_bundle


class HarborDatabase:
    """Reads the database of `spec.database` with the login of the release; changes nothing.

    Without `spec.database`, or before its login exists, there is nothing to read.
    """

    def __init__(self, kube: NamespaceResources, postgres: Postgres) -> None:
        self._kube = kube
        self._postgres = postgres

    async def has_tables(self, registry: HarborRegistry, secrets: ReleaseSecrets) -> bool:
        """Returns whether Harbor runs on the database, or ran."""
        found = await self._find(registry, secrets)
        return await self._postgres.has_harbor_tables(*found) if found else False

    async def read_schema(self, registry: HarborRegistry, secrets: ReleaseSecrets) -> ObservedSchema | None:
        """Returns the last migration, or None if there was none or it cannot be read."""
        found = await self._find(registry, secrets)
        return (await self._postgres.try_login(*found)).schema if found else None

    async def _find(
        self, registry: HarborRegistry, secrets: ReleaseSecrets
    ) -> tuple[PostgresServer, PostgresLogin, str] | None:
        database, login = registry.spec.database, secrets.database_login
        if database is None or login is None:
            return None
        ca = await read_bundle(self._kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
        server = PostgresServer(database.host, database.port, database.ssl_mode, ca)
        origin = f"Secret '{names.database_secret(registry)}'"
        return server, PostgresLogin(login.username, login.password, origin), database.names.core
