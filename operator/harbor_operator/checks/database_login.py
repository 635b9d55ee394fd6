"""Checks of the login with which Harbor uses its databases, and of what that login finds in them."""

from __future__ import annotations

import re

from pydantic import SecretStr

from harbor_operator.api.schema_versions import harbor_minor_of
from harbor_operator.checks.database import check_version
from harbor_operator.checks.database_failures import quoted
from harbor_operator.checks.database_handover import reassign_statement
from harbor_operator.model.database import (
    DesiredDatabases,
    LoginResult,
    ObservedLogin,
    ObservedSchema,
    Pooling,
    PostgresLogin,
    WantedDatabase,
)
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason

# What the operator generates.
_SAFE_PASSWORD = re.compile(r"[A-Za-z0-9]+")
# Harbor's core writes the login unquoted into a DSN (`Register` in src/common/dao/pgsql.go). In URLs, core and the
# chart escape it.
_SAFE_IN_DSN = re.compile(r"[^\s'\"\\]+")


_SESSION_MODE = (
    "set `pool_mode = session` for this database in the pooler, or set `spec.database.host` and `spec.database.port` "
    "to the server behind it"
)


def check_login(
    desired: DesiredDatabases, wanted: WantedDatabase, login: ObservedLogin, given: PostgresLogin
) -> Blocked | None:
    """Returns why Harbor cannot use the database with the given login, or None; `login` is what it found."""
    if login.result is LoginResult.NO_DATABASE:
        return Blocked(
            Reason.DATABASE_NOT_FOUND,
            f"database '{wanted.name}' of `{wanted.path}` does not exist; correct the name, or run: "
            f"CREATE DATABASE {quoted(wanted.name)} OWNER {quoted(desired.role)} ENCODING 'UTF8' TEMPLATE template0;",
        )
    if login.result is not LoginResult.ACCEPTED:
        return Blocked(
            Reason.DATABASE_LOGIN_FAILED,
            f"role '{given.username}' cannot log in to database '{wanted.name}' with {given.origin}: "
            f"{login.error_message}; "
            "pg_hba.conf must permit it with scram-sha-256, and a pooler must not keep an older password",
        )
    old = check_version(desired, login.server_version) if login.server_version else None
    return (
        old
        or _check_pooling(wanted, login.pooling)
        or _check_rights(desired, wanted, login)
        or _check_schema(wanted, login.schema)
    )


def login_warnings(wanted: WantedDatabase, login: ObservedLogin) -> tuple[StatusWarning, ...]:
    """Returns what works today and fails at the next upgrade of Harbor or of the server's system."""
    warnings: list[StatusWarning] = []
    if login.pooling is Pooling.TRANSACTION:
        text = (
            f"a pooler in transaction mode is in front of database '{wanted.name}': Harbor locks its migrations for a "
            "session, which this mode does not keep, so that after an upgrade a core pod can wait for a lock that no "
            f"one releases; {_SESSION_MODE}"
        )
        warnings.append(StatusWarning(Reason.DATABASE_POOLER_UNSUITABLE, text))
    if login.collation:
        name = quoted(wanted.name)
        text = (
            f"database '{wanted.name}' was created with version {login.collation.recorded} of its collation, and the "
            f"server now has {login.collation.actual}: indexes of text can be in the wrong order, so that Harbor does "
            "not find rows that exist; while Harbor is scaled to 0, connect to it as a superuser or its owner and run: "
            f"REINDEX DATABASE {name}; ALTER DATABASE {name} REFRESH COLLATION VERSION;"
        )
        warnings.append(StatusWarning(Reason.DATABASE_COLLATION_CHANGED, text))
    return tuple(warnings)


def _check_pooling(wanted: WantedDatabase, pooling: Pooling) -> Blocked | None:
    if pooling is Pooling.TRANSACTION_WITHOUT_PREPARED:
        why = (
            "does not follow prepared statements, so Harbor fails with 'prepared statement … already exists' or '… "
            "does not exist'"
        )
        how = f"{_SESSION_MODE}; PgBouncer 1.21 or newer follows them with `max_prepared_statements = 200`"
    elif pooling is Pooling.TRANSACTION and wanted.needs_session_pool:
        why, how = (
            "cannot follow the unnamed prepared statements of lib/pq, the driver that uses this database",
            _SESSION_MODE,
        )
    else:
        return None
    return Blocked(
        Reason.DATABASE_POOLER_UNSUITABLE,
        f"the pooler in front of database '{wanted.name}' is in transaction mode and {why}; {how}",
    )


def _check_rights(desired: DesiredDatabases, wanted: WantedDatabase, login: ObservedLogin) -> Blocked | None:
    if table := login.foreign_table:
        return Blocked(
            Reason.DATABASE_RIGHTS_MISSING,
            f"table '{table.name}' in schema 'public' of database '{wanted.name}' belongs to role '{table.owner}', so "
            f"role '{desired.role}' cannot use it; as a superuser, connect to database '{wanted.name}' and run: "
            f"{reassign_statement(desired.role, table.owner, table.is_owner_shared)}",
        )
    if not login.may_create:
        return Blocked(
            Reason.DATABASE_RIGHTS_MISSING,
            f"role '{desired.role}' cannot create tables in schema 'public' of database '{wanted.name}'; "
            f"run there: ALTER SCHEMA public OWNER TO {quoted(desired.role)};",
        )
    return None


def _check_schema(wanted: WantedDatabase, schema: ObservedSchema | None) -> Blocked | None:
    if schema is None:
        return None
    if schema.is_dirty and not schema.is_migrating:
        return Blocked(
            Reason.DATABASE_SCHEMA_DIRTY,
            f"migration {schema.version} of database '{wanted.name}' did not complete (`dirty` in table "  # noqa: S608 - a message
            "'schema_migrations'), so Harbor does not start; restore the backup from before the upgrade, or, after its "
            "remaining statements are completed by hand, run there: UPDATE schema_migrations SET dirty = false;",
        )
    if wanted.max_schema is not None and schema.version > wanted.max_schema:
        return Blocked(
            Reason.DATABASE_SCHEMA_NEWER,
            f"database '{wanted.name}' was migrated by Harbor {harbor_minor_of(schema.version)} (version "
            f"{schema.version} in table 'schema_migrations'), but the Harbor of `spec.release.version` knows only "
            f"versions up to {wanted.max_schema}; choose a chart version at least as new as the database, or restore a "
            "backup from before the upgrade",
        )
    return None


def check_login_secret(desired: DesiredDatabases, username: str, password: SecretStr, secret: str) -> Blocked | None:
    """Returns why Harbor cannot use the login Secret as edited, or None."""
    if username != desired.role:
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'username' of Secret '{secret}' is not '{desired.role}', the role that owns the databases: "
            "correct it, or delete the Secret and the operator creates it again",
        )
    if not _SAFE_PASSWORD.fullmatch(password.get_secret_value()):
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'password' of Secret '{secret}' must contain only letters and digits, because Harbor cannot use "
            "others: correct it, or delete the Secret and the operator creates it again",
        )
    return None


def check_given_login(login: PostgresLogin) -> Blocked | None:
    """Returns why Harbor cannot use a login that the operator did not create."""
    for key, value in (("username", login.username), ("password", login.password.get_secret_value())):
        if not _SAFE_IN_DSN.fullmatch(value):
            return Blocked(
                Reason.SECRET_INVALID,
                f"key '{key}' of {login.origin} is empty, or contains white space, a quote or a backslash, which Harbor"
                f" cannot use: {'use another role' if key == 'username' else 'set another password for the role'}",
            )
    return None
