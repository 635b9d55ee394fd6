"""Harbor's database as Harbor's own login finds it: whether it has tables, and which migration was the last."""

from __future__ import annotations

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import ObservedSchema, PostgresLogin, PostgresServer
from harbor_operator.model.release import ReleaseLogin, ReleaseSecrets
from harbor_operator.plan import names
from harbor_operator.ports import Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres
from harbor_operator.steps.database_logins import USERNAME, read_logins
from harbor_operator.steps.references import read_bundle, read_login


class HarborDatabase:
    """Reads the database of `spec.database` with the login of the release; changes nothing.

    Without `spec.database`, or before its login exists, there is nothing to read.
    """

    def __init__(self, kube: NamespaceResources, postgres: Postgres) -> None:
        self._kube = kube
        self._postgres = postgres

    async def has_tables(self, registry: HarborRegistry, secrets: ReleaseSecrets) -> bool:
        """Returns whether Harbor runs on the database, or ran."""
        found = await self._find(registry, secrets.database_login)
        return await self._postgres.has_harbor_tables(*found) if found else False

    async def starts_empty(self, registry: HarborRegistry) -> bool:
        """Returns whether Harbor would start on a database without tables; Unavailable before it has a login.

        What a volume of the chart contains is not known, so that it counts as a database with tables.
        """
        if registry.spec.database is None:
            return False
        namespace, secret = registry.metadata.namespace, names.database_secret(registry)
        if await self._kube.read_secret(namespace, secret) is None:
            raise Unavailable(f"whether the database has tables is not known without Secret '{namespace}/{secret}'")
        found = await self._find(registry, await read_database_login(self._kube, registry))
        return found is not None and not await self._postgres.has_harbor_tables(*found)

    async def read_schema(self, registry: HarborRegistry, secrets: ReleaseSecrets) -> ObservedSchema | None:
        """Returns the last migration, or None if there was none or it cannot be read."""
        found = await self._find(registry, secrets.database_login)
        return (await self._postgres.try_login(*found)).schema if found else None

    async def _find(
        self, registry: HarborRegistry, login: ReleaseLogin | None
    ) -> tuple[PostgresServer, PostgresLogin, str] | None:
        database = registry.spec.database
        if database is None or login is None:
            return None
        ca = await read_bundle(self._kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
        server = PostgresServer(database.host, database.port, database.ssl_mode, ca)
        origin = f"Secret '{login.secret or names.database_secret(registry)}'"
        return server, PostgresLogin(login.username, login.password, origin), database.names.core


async def read_database_login(kube: NamespaceResources, registry: HarborRegistry) -> ReleaseLogin | None:
    """Returns the login of Harbor's role, None without `spec.database`; BlockedError if its Secret cannot be used."""
    if registry.spec.database is None:
        return None
    given = registry.spec.database.credentials_secret_ref
    logins = None if given else await read_logins(kube, registry)
    if logins and logins.is_rotated and (active := logins.active(registry)):
        secret = logins.active_secret(registry)
        return ReleaseLogin(active.username, active.password, secret, logins.text(USERNAME))
    ref = given or CredentialsRef(name=names.database_secret(registry))
    field = "spec.database.credentialsSecretRef" if given else "spec.database"
    return ReleaseLogin(*await read_login(kube, registry, ref, field))
