"""Reasons of the servers that Harbor depends on: PostgreSQL, Redis and the object store."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import SWIFT_RANGE
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

DATABASE: Mapping[Reason, Problem] = {
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

CACHE: Mapping[Reason, Problem] = {
    Reason.CACHE_UNREACHABLE: Problem(
        "The operator cannot connect to Redis. As a warning: one of several Sentinels does not respond.",
        "The address is wrong, a firewall blocks the connection, or the server is down.",
        "Check `spec.cache.addresses`.",
    ),
    Reason.CACHE_CREDENTIALS_REJECTED: Problem(
        "Redis rejects the password or requires one.",
        "The Secret of `spec.cache.passwordSecretRef` is wrong or missing.",
        "Correct the Secret, or set `spec.cache.passwordSecretRef`.",
        (
            "NOAUTH Authentication required",
            "WRONGPASS invalid username-password pair",
        ),
    ),
    Reason.CACHE_IS_CLUSTER: Problem(
        "Harbor would log `MOVED <slot> <address>` and respond with 503.",
        "The server runs in cluster mode. No Harbor version supports Redis Cluster (goharbor/harbor#8620).",
        "Use a single primary, Sentinel, or a proxy to one primary.",
        (
            "MOVED … …:…",
            "CROSSSLOT Keys in request",
        ),
    ),
    Reason.CACHE_IS_REPLICA: Problem(
        "The server is a replica.",
        "Redis rejects writes to a replica.",
        "Set the address of the primary in `spec.cache.addresses`, or use Sentinel.",
        ("READONLY You can't write against a read only",),
    ),
    Reason.CACHE_IS_SENTINEL: Problem(
        "The address belongs to a Sentinel.",
        "`spec.cache.sentinelMaster` is empty.",
        "Set `spec.cache.sentinelMaster` to the name of the master set.",
    ),
    Reason.CACHE_TOO_FEW_DATABASES: Problem(
        "Redis has too few logical databases.",
        "Harbor uses the indexes 0 to 7.",
        "Set `databases 16` (the default) in the configuration of the server.",
        ("DB index is out of range",),
    ),
    Reason.SENTINEL_MASTER_UNKNOWN: Problem(
        "The Sentinels do not know the master set.",
        "`spec.cache.sentinelMaster` is misspelt, the Sentinels see no master or disagree, or the address is not a "
        "Sentinel.",
        "Compare `spec.cache.sentinelMaster` with the output of `SENTINEL MASTERS`.",
    ),
    Reason.SENTINEL_REQUIRES_PASSWORD: Problem(
        "The Sentinels require a password.",
        "Harbor cannot send a password to Sentinels (goharbor/harbor#14757).",
        "Remove `requirepass` from the Sentinels, or use a single primary.",
    ),
    Reason.CACHE_EVICTS_KEYS: Problem(
        "`status.warnings` names the eviction policy.",
        "`maxmemory-policy` lets Redis drop job queues and sessions.",
        "Set `maxmemory-policy noeviction`.",
    ),
}

STORAGE: Mapping[Reason, Problem] = {
    Reason.STORAGE_UNREACHABLE: Problem(
        "The object store does not respond.",
        "`spec.storage.swift.authURL` or `spec.storage.s3.endpoint` is wrong, a firewall blocks the connection, or "
        "the server is down.",
        "Send a request from a pod: `curl -i -H 'X-Auth-User: …' -H 'X-Auth-Key: …' AUTHURL`, or `curl -i ENDPOINT`.",
    ),
    Reason.STORAGE_CREDENTIALS_REJECTED: Problem(
        "The store rejects the user or the key.",
        "The Secret of `spec.storage.swift.credentialsSecretRef` or `spec.storage.s3.credentialsSecretRef` does not "
        "match the store; Swift answers 403 for an unknown user. With S3, a proxy that changes the Host header has the "
        "same effect.",
        "Compare the Secret with `radosgw-admin user info --uid=…` (`swift_keys`, with the user name `uid:subuser`; "
        "`keys` for S3). For S3, set `proxy_set_header Host $http_host` in the nginx in front of the store.",
        (
            "swift authentication failed: Authorization Failed",
            "swift authentication failed: Operation forbidden",
        ),
    ),
    Reason.STORAGE_URL_MISMATCH: Problem(
        "Authentication works, and every later request goes to another scheme, host or port.",
        "RGW derives `X-Storage-Url` from its own listener and ignores `X-Forwarded-*`; or `authURL`, or the "
        "`endpoint` of S3, redirects.",
        "For a redirect, set the final URL. Else set `rgw swift url = https://HOST[:PORT]` (no path, no trailing "
        "slash) in the RGW's section of ceph.conf, with Rook in `gateway.rgwCommandFlags`, and restart radosgw.",
        ("failed to retrieve info about container … (Head",),
    ),
    Reason.STORAGE_CONTAINER_REFUSED: Problem(
        "The operator cannot or must not use the container.",
        "Another user owns the name (S3 buckets share the names), the container belongs to another HarborRegistry or "
        "already holds the images of a Harbor, or the user has no right to create containers. Or the HarborRegistry "
        "was deleted and created again: its images were retained and its database was not. The same holds for the "
        "bucket of `spec.storage.s3`. Or the Swift driver wrote the images in that bucket: through S3, each layer has "
        "0 B.",
        "Give the user `max_buckets` > 0 and full access. Or use another container or bucket, whose name is immutable: "
        "delete the HarborRegistry with `spec.deletionPolicy.storage: Retain`, and create it again. If the images are "
        "the registry's own and its database is empty, restore the Secret `hreg-NAME-pins` and then a dump. To "
        "continue with the images of a Harbor that no longer runs, set "
        "`spec.storage.swift.adoptExisting: true` (or `spec.storage.s3.adoptExisting: true`). S3 cannot adopt what the "
        "Swift driver wrote: use `spec.storage.swift` in a new HarborRegistry, or replicate the images into another "
        "bucket.",
    ),
    Reason.STORAGE_PROBE_FAILED: Problem(
        "The store refuses a request of the registry's driver, or returns something else than was written.",
        "A cache is in the path, the store is inconsistent, or it does not support the request, a storage class or an "
        "encryption.",
        "Let the operator and the registry reach the store without a cache, and ask only for what it supports.",
    ),
    Reason.STORAGE_BODY_LIMIT: Problem(
        "`docker push` would fail with 'blob upload invalid', or with 500 for a layer above one chunk.",
        "A proxy in front of the store responds with 413: its body limit is below one chunk, with S3 below two.",
        "Set `client_max_body_size 0` on the proxy (`nginx.ingress.kubernetes.io/proxy-body-size` with ingress-nginx).",
        (
            "blob upload invalid",
            "upload resumed at wrong offest",
            "unknown error reading request payload: Too Large Object",
        ),
    ),
    Reason.STORAGE_QUOTA_EXCEEDED: Problem(
        "The store rejects a whole chunk and accepts a small object.",
        "The quota of the RGW user or bucket is used up.",
        "Raise the quota (`provision.quotaGiB` of `spec.storage.swift` or `spec.storage.s3`, or `radosgw-admin quota "
        "set`), or run Harbor's garbage collection.",
        ("Too Large Object",),
    ),
    Reason.STORAGE_CLEANING_UP: Problem(
        "The operator removes the objects of the container.",
        "The HarborRegistry was deleted with `spec.deletionPolicy.storage: Delete`.",
        "Wait.",
    ),
    Reason.STORAGE_PROVISIONING_REFUSED: Problem(
        "The RGW Admin Ops API rejects the request.",
        "The keys in `provision.adminSecretRef` are wrong or lack the capability `users=*`, the "
        "user is suspended, a proxy changes the signed Host header, or another client uses the subuser or the user.",
        "Run `radosgw-admin caps add --uid=ADMIN --caps='users=*'`. If a proxy changes the Host header, set "
        "`provision.adminURL` to the address of the RGW itself. If another client uses the login, "
        "choose another one.",
    ),
    Reason.SWIFT_SUNSET: Problem(
        "`status.warnings` names Swift.",
        "Distribution 3 removed the Swift driver. Every Harbor release so far ships distribution 2.8.",
        "No action today. Before you upgrade to the Harbor release that moves to distribution 3, move the images to "
        "an S3 bucket with `spec.storage.migration`.",
    ),
    Reason.SWIFT_UNSUPPORTED: Problem(
        "The chart version is not known to ship the Swift driver.",
        "The registry would panic with 'StorageDriver not registered: swift'.",
        f"Choose a chart version with the Swift driver, {SWIFT_RANGE}.",
        ("StorageDriver not registered: swift",),
    ),
}
