"""Checks of a PostgreSQL server: compares the observed with the desired state and explains failures."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_operator.checks.database_failures import quoted
from harbor_operator.checks.database_handover import adoption_statements, transfer_statements
from harbor_operator.model.database import (
    DesiredDatabases,
    Marker,
    MarkerMatch,
    ObservedRole,
    ObservedServer,
)
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason


def check_server(desired: DesiredDatabases, observed: ObservedServer, *, login_proven: bool = False) -> Blocked | None:
    """Returns what a person must change before any write; `login_proven`: a login with the registry's Secret worked."""
    return (
        check_version(desired, observed.version)
        or _check_names(desired)
        or _check_roles(desired, observed, login_proven)
        or _check_databases(desired, observed)
        or _check_admin(desired, observed)
    )


def needs_login_proof(desired: DesiredDatabases, observed: ObservedServer) -> bool:
    """Returns whether the role may be that of another cluster, because its marker names none."""
    roles = [role for role in (observed.role, observed.second) if role]
    return any(desired.marker.match(role.comment) is MarkerMatch.NO_CLUSTER for role in roles)


def uses_admin_login(desired: DesiredDatabases, observed: ObservedServer) -> bool:
    """Returns whether the admin login is meant as Harbor's own: the databases are its own and it creates no roles.

    A new password would lock the operator out, and so nothing is created or changed, as with `credentialsSecretRef`. An
    admin that can create roles never becomes Harbor's login.
    """
    admin = observed.admin
    if admin.name == desired.role:
        return True
    if admin.is_superuser or admin.may_create_roles:
        return False
    existing = [found for wanted in desired.databases if (found := observed.database(wanted.name))]
    return bool(existing) and all(found.owner == admin.name for found in existing)


def server_warnings(desired: DesiredDatabases, observed: ObservedServer) -> tuple[StatusWarning, ...]:
    """Returns warnings about limits that Harbor reaches under load."""
    if observed.max_connections >= desired.connection_limit:
        return ()
    return (
        StatusWarning(
            Reason.DATABASE_CONNECTIONS_LOW,
            f"PostgreSQL accepts {observed.max_connections} connections (`max_connections`), "
            f"`spec.database.connectionLimit` permits Harbor {desired.connection_limit}: "
            "raise the first or lower the second, otherwise logins fail under load with 'too many clients already'",
        ),
    )


def describe_retained(desired: DesiredDatabases, observed: ObservedServer) -> str:
    """Returns what a removal retained in the server, and why."""
    retained = [f"database '{database.name}' of role '{database.owner}'" for database in observed.databases]
    if observed.role is not None:
        retained.append(f"role '{desired.role}'")
    if not retained:
        return f"databases and role '{desired.role}' are removed"
    return f"retained, because not marked as created by this registry or still in use: {', '.join(retained)}"


def check_version(desired: DesiredDatabases, version: int) -> Blocked | None:
    """Returns that the major version is older than what Harbor supports."""
    if version >= desired.min_version:
        return None
    return Blocked(
        Reason.DATABASE_VERSION_UNSUPPORTED,
        f"PostgreSQL {version} at `spec.database.host` is too old: this chart's Harbor needs "
        f"{desired.min_version} or newer; upgrade the server, or choose an older `spec.release.version`",
    )


def _check_names(desired: DesiredDatabases) -> Blocked | None:
    names = [database.name for database in desired.databases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return None
    paths = " and ".join(f"`{database.path}`" for database in desired.databases if database.name == twice)
    return Blocked(Reason.INVALID_SPEC, f"{paths} are both '{twice}': give each its own database")


def _check_roles(desired: DesiredDatabases, observed: ObservedServer, login_proven: bool) -> Blocked | None:
    first = _check_role(desired, observed, (desired.role, observed.role), login_proven)
    if first or desired.second is None:
        return first
    return _check_role(desired, observed, (desired.second.username, observed.second), login_proven)


def _check_role(
    desired: DesiredDatabases, observed: ObservedServer, named: tuple[str, ObservedRole | None], login_proven: bool
) -> Blocked | None:
    name, role = named
    if role is None:
        return None
    adopt = " ".join(adoption_statements(desired, observed))
    marker = Marker.parse(role.comment)
    match desired.marker.match(role.comment):
        case MarkerMatch.OURS | MarkerMatch.EARLIER:
            return None
        case MarkerMatch.NO_CLUSTER if login_proven:
            return None
        case MarkerMatch.NO_CLUSTER:
            whose = (
                f"was created for an earlier registry {marker.description if marker else ''}, possibly in another "
                "cluster, whose Harbor would fail with a new password; restore its login Secret"
            )
        case MarkerMatch.OTHER:
            whose = (
                f"was created for registry {marker.description if marker else ''}; use another name or namespace for "
                "this HarborRegistry, or another server in `spec.database.host`"
            )
        case None:
            whose = "was not created by this operator; if nothing uses it, rename it or drop it"
    return Blocked(
        Reason.DATABASE_ROLE_TAKEN,
        f"role '{name}' exists and {whose}; or, if no other Harbor uses it and this registry may, run: {adopt}",
    )


def _check_databases(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    return next(_database_findings(desired, observed), None)


def _database_findings(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[Blocked]:
    for wanted in desired.databases:
        found = observed.database(wanted.name)
        if found is None:
            continue
        marker = Marker.parse(found.comment)
        is_of_other = marker is not None and desired.marker.match(found.comment) is MarkerMatch.OTHER
        if found.owner == desired.role and not is_of_other:
            continue
        whose = f"belongs to role '{found.owner}'"
        if marker and is_of_other:
            whose += f" and is marked as created for registry {marker.description}"
        yield Blocked(
            Reason.DATABASE_OWNED_BY_OTHER,
            f"database '{wanted.name}' {whose}; either choose another name in `{wanted.path}`, or, if nothing else "
            "uses the database, set `spec.database.credentialsSecretRef` to a Secret with the login of its owner, or "
            f"transfer it to Harbor's role '{desired.role}': as a superuser, connect to database '{wanted.name}' and "
            f"run ({' '.join(transfer_statements(desired, found, observed))})",
        )


def _check_admin(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    admin = observed.admin
    if admin.is_superuser:
        return None
    lacks_database = any(observed.database(wanted.name) is None for wanted in desired.databases)
    missing = []
    lacks_role = observed.role is None or (desired.second is not None and observed.second is None)
    if lacks_role and not admin.may_create_roles:
        missing.append("CREATEROLE")
    if lacks_database and not admin.may_create_databases:
        missing.append("CREATEDB")
    if not missing:
        return None
    return Blocked(
        Reason.DATABASE_RIGHTS_MISSING,
        f"role '{admin.name}' of `spec.database.adminSecretRef` lacks {' and '.join(missing)}; a superuser must run: "
        f"ALTER ROLE {quoted(admin.name)} {' '.join(missing)};",
    )
