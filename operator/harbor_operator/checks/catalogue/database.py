"""Reasons of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.request_annotations import ROTATE_DATABASE_PASSWORD_REQUESTED_AT
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.DATABASE_UNREACHABLE: Problem(
        "The operator cannot connect to PostgreSQL.",
        "The host or port is wrong, a firewall blocks the connection, or the server is down.",
        "Check `spec.database.host` and `spec.database.port` from a pod in the operator's namespace.",
        ("failed to connect to tcp://…, retry after",),
    ),
    Reason.DATABASE_CREDENTIALS_REJECTED: Problem(
        "PostgreSQL rejects the admin login.",
        "The Secret of `spec.database.adminSecretRef` has a wrong `username` or `password`, or `pg_hba.conf` has no "
        "line for it.",
        "Correct the Secret. The next reconciliation uses it.",
        ("password authentication failed for user",),
    ),
    Reason.DATABASE_RIGHTS_MISSING: Problem(
        "The operator cannot create a role or a database, or Harbor's role cannot use a table.",
        "The admin role lacks CREATEROLE or CREATEDB, or it is not a member of Harbor's role. Or the database was "
        "transferred to Harbor's role without its tables.",
        "Run the statement in the message as a superuser.",
        ("pq: permission denied for",),
    ),
    Reason.DATABASE_OWNED_BY_OTHER: Problem(
        "A database of the configured name exists and belongs to another role.",
        "It was created by hand or for another Harbor.",
        "Set other names in `spec.database.names`. If no other Harbor uses the database, transfer it with its tables "
        "to Harbor's role with the statements in the message, or set `spec.database.credentialsSecretRef` to the login "
        "of its owner.",
    ),
    Reason.DATABASE_ROLE_TAKEN: Problem(
        "The role for Harbor exists and was not created for this HarborRegistry.",
        "Another HarborRegistry, possibly one of the same name in another cluster, or an administrator created it. Its "
        "comment lacks this HarborRegistry's marker.",
        "Check which Harbor uses the role. If another one does, give this HarborRegistry another name or another "
        "server. If none does, set the comment that the message shows.",
    ),
    Reason.DATABASE_VERSION_UNSUPPORTED: Problem(
        "The PostgreSQL server is too old.",
        "Harbor 2.5 needs PostgreSQL 10, Harbor 2.9 needs 12.",
        "Upgrade PostgreSQL, or choose an older chart in `spec.release.version`.",
    ),
    Reason.DATABASE_LOGIN_FAILED: Problem(
        "A login fails although the role and the database exist.",
        "`pg_hba.conf` does not admit the role that the message names, a connection pooler does not know it, or the "
        "server requests the password in clear text or with md5.",
        "Allow that role from the addresses of the cluster, with the method scram-sha-256. The message has the "
        "statements for a role whose password is stored for md5; `HARBOR_OPERATOR_POSTGRES_MD5` permits md5.",
    ),
    Reason.DATABASE_BUSY: Problem(
        "Another operator works on the same databases.",
        "It holds the advisory lock.",
        "Wait. If the condition stays, find the session in `pg_locks` (`locktype` is `advisory`).",
    ),
    Reason.DATABASE_TLS_UNSUPPORTED: Problem(
        "The server does not support TLS.",
        "`spec.database.sslMode` requires TLS, and `ssl` is off on the server.",
        "Turn `ssl` on. `sslMode: disable` also removes the error, but logins and data then cross the network without "
        "encryption.",
        ("SSL is not enabled on the server",),
    ),
    Reason.DATABASE_CONNECTIONS_LOW: Problem(
        "`status.warnings` names the connections, or no connection is left for the test login.",
        "`max_connections` is lower than the number of connections that Harbor's pods open, or a pooler has too few "
        "for a role: that of the admin needs two.",
        "Raise `max_connections`, or `default_pool_size` of the pooler, or lower `database.maxOpenConns` in "
        "`spec.release.values` and `spec.database.connectionLimit`.",
        (
            "sorry, too many clients already",
            "remaining connection slots are reserved",
            "query_wait_timeout",
        ),
    ),
    Reason.DATABASE_NOT_FOUND: Problem(
        "A database to which the operator connects does not exist.",
        "`spec.database.maintenanceDatabase` names no database of the server, or, with "
        "`spec.database.credentialsSecretRef`, one of `spec.database.names` does not exist.",
        "Correct the field that the message names, or create the database with the statement in the message.",
        ('database "…" does not exist',),
    ),
    Reason.DATABASE_IN_USE: Problem(
        "A deleted HarborRegistry with `spec.deletionPolicy.database: Delete` waits for its database.",
        "A client with a login of its own has sessions in the database, for example a backup, or PgBouncer with an "
        "`auth_query`. The operator drops the database as its owner, which must end only its own sessions.",
        "Stop the clients, or run the statement in the message as a superuser. The operator tries again.",
        ('database "…" is being accessed by other users', "must be a superuser to terminate superuser process"),
    ),
    Reason.DATABASE_READ_ONLY: Problem(
        "PostgreSQL accepts the login and refuses every change.",
        "`spec.database.host` names a standby (a read-only replica), or `default_transaction_read_only` is on. Some "
        "managed servers turn it on when their disk is nearly full.",
        "Set `spec.database.host` to one name that follows the primary, such as the `-rw` Service of CloudNativePG or "
        "the master Service of Patroni: Harbor and its chart take one host, not a list. For the setting, follow the "
        "message.",
        ("cannot execute … in a read-only transaction", "session is read-only"),
    ),
    Reason.DATABASE_POOLER_UNSUITABLE: Problem(
        "A connection pooler is in front of PostgreSQL, in a mode in which Harbor fails now, or after an upgrade (then "
        "it is a warning).",
        "In transaction mode, a client has a connection of the server until the end of its transaction. Harbor "
        "prepares statements under names and uses them later (pgx, since Harbor 2.5; lib/pq before), and locks its "
        "migrations for a session (goharbor/harbor#15379). The operator needs a session of its own only to drop a "
        "database.",
        "Set `pool_mode = session` for Harbor's database in the pooler, or let `spec.database.host` and "
        "`spec.database.port` name the server itself. Since Harbor 2.5, PgBouncer 1.21 with `max_prepared_statements = "
        "200` also works; then, if a core pod waits for a lock after an upgrade, restart the pooler.",
        (
            "prepared statement … already exists",
            "prepared statement … does not exist",
            "can't acquire database lock",
        ),
    ),
    Reason.DATABASE_ROTATION_REFUSED: Problem(
        "`status.warnings` names a rotation of the database's login that did not happen. Harbor keeps its login.",
        "The operator did not create the login, the chart is too old, its values have `enableMigrateHelmHook`, the "
        "admin login cannot create roles, or the server does not admit the second role (`pg_hba.conf` or a pooler "
        "names each role).",
        "Follow the message. The operator tries again at each reconciliation; remove the annotation "
        f"`{ROTATE_DATABASE_PASSWORD_REQUESTED_AT}` or `spec.database.rotateAfterDays` to stop it.",
    ),
    Reason.DATABASE_COLLATION_CHANGED: Problem(
        "`status.warnings` names a collation, and PostgreSQL logs 'has a collation version mismatch'.",
        "An upgrade of the server's operating system changed how its libraries sort text. The indexes have the old "
        "order, so that a search can miss a row and a unique index can accept one twice. New databases are not "
        "affected: the operator creates them from `template0`.",
        "Scale Harbor to 0 and run the two statements in the message in the database. They read the whole database.",
        ('database "…" has a collation version mismatch',),
    ),
    Reason.DATABASE_SCHEMA_DIRTY: Problem(
        "Harbor does not start, because a migration of its database did not complete.",
        "The server or the migration stopped during an upgrade. The column `dirty` of the table `schema_migrations` is "
        "true.",
        "Restore the backup from before the upgrade and start the upgrade again. If there is none, complete the "
        "statements of the migration by hand, and only then set `dirty` to false.",
        ("Dirty database version …. Fix and force version",),
    ),
    Reason.DATABASE_SCHEMA_NEWER: Problem(
        "The chart's Harbor is older than its database.",
        "A newer Harbor used the database before, for example one whose HarborRegistry was deleted with the data "
        "retained. Harbor has no migration back.",
        "Set `spec.release.version` to a chart at least as new as the Harbor that the message names, or restore a "
        "backup from before its upgrade.",
        ("no migration found for version",),
    ),
}
