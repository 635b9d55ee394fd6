"""Sections `database` and `redis`: the servers Harbor keeps its state on."""

from __future__ import annotations

from harbor_operator.api.backends import Cache, Database
from harbor_operator.api.charts import Feature
from harbor_operator.checks.database_rotation import MIGRATE_HOOK
from harbor_operator.model.release import GeneratedSecret, Tree
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_INDEX, JOBSERVICE_INDEX, REGISTRY_INDEX, TRIVY_INDEX
from harbor_operator.plan.values.inputs import Inputs


def database_values(inputs: Inputs) -> Tree:
    """Returns where PostgreSQL is; without a section in the spec, the chart's own with a password of ours."""
    database = inputs.registry.spec.database
    if database is None:
        return {
            "database": {
                "type": "internal",
                "internal": {"password": inputs.release_secrets.generated[GeneratedSecret.INTERNAL_DATABASE]},
            }
        }
    values: Tree = {"database": {"type": "external", "external": _external_database(inputs, database)}}
    login = inputs.release_secrets.database_login
    if login and login.first_username not in {"", login.username}:
        # The job has the first username of the ConfigMap with the password of the second Secret.
        values[MIGRATE_HOOK] = False
    return values


def database_defaults(inputs: Inputs) -> Tree:
    """Returns pool sizes that leave room for a second core pod within the role's connection limit."""
    database = inputs.registry.spec.database
    if database is None:
        return {}
    most = max(database.connection_limit // 2, 5)
    return {"database": {"maxOpenConns": most, "maxIdleConns": min(most, 50)}}


def redis_values(inputs: Inputs) -> Tree:
    """Returns where Redis is; without a section in the spec, the chart's own."""
    cache = inputs.registry.spec.cache
    if cache is None:
        return {"redis": {"type": "internal"}}
    return {"redis": {"type": "external", "external": _external_redis(inputs, cache)}}


def _external_database(inputs: Inputs, database: Database) -> Tree:
    login = inputs.release_secrets.database_login
    external: Tree = {
        "host": database.host,
        "port": str(database.port),
        # A pod of an earlier revision reads this username beside the password of its own Secret: it never changes.
        "username": (login.first_username or login.username) if login else names.database_role(inputs.registry),
        "sslmode": str(database.ssl_mode),
        "coreDatabase": database.names.core,
    }
    if inputs.chart.supports(Feature.CLAIR):
        external["clairDatabase"] = database.names.clair
    if inputs.chart.supports(Feature.NOTARY):
        external["notaryServerDatabase"] = database.names.notary_server
        external["notarySignerDatabase"] = database.names.notary_signer
    if inputs.chart.supports(Feature.DATABASE_SECRET):
        external["existingSecret"] = (login.secret if login else "") or names.database_secret(inputs.registry)
    elif login:
        external["password"] = login.password
    return external


def _external_redis(inputs: Inputs, cache: Cache) -> Tree:
    external: Tree = {
        "coreDatabaseIndex": CORE_INDEX,
        "jobserviceDatabaseIndex": JOBSERVICE_INDEX,
        "registryDatabaseIndex": REGISTRY_INDEX,
        **_redis_address(inputs, cache),
    }
    if inputs.chart.supports(Feature.TRIVY):
        external["trivyAdapterIndex"] = TRIVY_INDEX
    if cache.tls:
        external["tlsOptions"] = {"enable": True}
    if cache.username:
        external["username"] = cache.username
    if inputs.release_secrets.cache_password and not inputs.hides_redis_password:
        external["password"] = inputs.release_secrets.cache_password
    return external


def _redis_address(inputs: Inputs, cache: Cache) -> Tree:
    if not inputs.chart.supports(Feature.REDIS_ADDR):
        host, _, port = cache.addresses[0].rpartition(":")
        return {"host": host, "port": port}
    address: Tree = {"addr": ",".join(cache.addresses)}
    if cache.sentinel_master:
        address["sentinelMasterSet"] = cache.sentinel_master
    return address
