"""Reasons of the servers Harbor stands on: PostgreSQL, Redis and the object store."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import SWIFT_RANGE
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

DATABASE: Mapping[Reason, Problem] = {
    Reason.DATABASE_UNREACHABLE: Problem(
        "No connection to PostgreSQL.",
        "Wrong host or port, a firewall, or the server is down.",
        "Check `spec.database.host` and `port` from a pod in the operator's namespace.",
    ),
    Reason.DATABASE_CREDENTIALS_REJECTED: Problem(
        "PostgreSQL refuses the admin login.",
        "Wrong `username` or `password` in the Secret of `spec.database.adminSecretRef`, or no `pg_hba.conf` line.",
        "Mend the Secret; the next pass uses it.",
    ),
    Reason.DATABASE_RIGHTS_MISSING: Problem(
        "A role or database cannot be created.",
        "The admin role lacks CREATEROLE or CREATEDB, or may not act for Harbor's role.",
        "Run the statement that the message shows as a superuser.",
    ),
    Reason.DATABASE_OWNED_BY_OTHER: Problem(
        "A database of the wanted name exists and belongs to another role.",
        "It was made by hand or for another Harbor.",
        "Choose other `spec.database.names`, or give it to Harbor's role with the statement in the message.",
    ),
    Reason.DATABASE_ROLE_TAKEN: Problem(
        "The role for Harbor exists but was not made for this registry.",
        "Another registry or person made it; its comment lacks our marker.",
        "Rename or drop the role, or set the comment that the message shows if it may be used.",
    ),
    Reason.DATABASE_VERSION_UNSUPPORTED: Problem(
        "The server is too old.",
        "Harbor 2.5 needs PostgreSQL 10, Harbor 2.9 needs 12.",
        "Upgrade PostgreSQL or choose an older chart.",
    ),
    Reason.DATABASE_LOGIN_FAILED: Problem(
        "Harbor's own login fails although role and database exist.",
        "`pg_hba.conf` does not let the role in (Harbor's, or the admin's), or a pooler in between does not know it.",
        "Allow the role that the message names from the cluster's addresses.",
    ),
    Reason.DATABASE_BUSY: Problem(
        "Another operator works on the same databases.",
        "It holds the advisory lock.",
        "Wait; if it stays, find the session in `pg_locks` (locktype advisory).",
    ),
    Reason.DATABASE_TLS_UNSUPPORTED: Problem(
        "The server does not speak TLS.",
        "`spec.database.sslMode` asks for it and `ssl` is off on the server.",
        "Turn TLS on, or set `sslMode: disable` knowing that passwords' proofs and data cross the network in clear.",
    ),
    Reason.DATABASE_CONNECTIONS_LOW: Problem(
        "A warning about connections, or no connection is left for the test login.",
        "`max_connections` is lower than Harbor's pods may open.",
        "Raise `max_connections`, or lower `database.maxOpenConns` in `spec.release.values` and `connectionLimit`.",
    ),
}

CACHE: Mapping[Reason, Problem] = {
    Reason.CACHE_UNREACHABLE: Problem(
        "No connection to Redis; as a warning: one of several Sentinels is silent.",
        "Wrong address, a firewall, or it is down.",
        "Check `spec.cache.addresses`.",
    ),
    Reason.CACHE_CREDENTIALS_REJECTED: Problem(
        "Redis refuses the password, or asks for one.",
        "The Secret of `spec.cache.passwordSecretRef` is wrong or missing.",
        "Mend the Secret.",
    ),
    Reason.CACHE_IS_CLUSTER: Problem(
        "Harbor would log `MOVED <slot> <address>` and answer 503.",
        "The server runs in cluster mode; no Harbor speaks Redis Cluster (goharbor/harbor#8620).",
        "Give a single primary, Sentinel, or a proxy to one primary.",
    ),
    Reason.CACHE_IS_REPLICA: Problem(
        "The server is a replica.", "Writes to it fail.", "Give the primary's address, or use Sentinel."
    ),
    Reason.CACHE_IS_SENTINEL: Problem(
        "The address is a Sentinel's.",
        "`spec.cache.sentinelMaster` is empty.",
        "Set `sentinelMaster` to the name of the master set.",
    ),
    Reason.CACHE_TOO_FEW_DATABASES: Problem(
        "Redis has too few logical databases.",
        "Harbor uses the indexes 0 to 7.",
        "Set `databases 16` (the default) in the server's configuration.",
    ),
    Reason.SENTINEL_MASTER_UNKNOWN: Problem(
        "The Sentinels do not know the master set.",
        "`spec.cache.sentinelMaster` is misspelt, the Sentinels see no master or disagree, or it is no Sentinel.",
        "Compare with `SENTINEL MASTERS`.",
    ),
    Reason.SENTINEL_REQUIRES_PASSWORD: Problem(
        "The Sentinels ask for a password.",
        "Harbor cannot give Sentinels one (goharbor/harbor#14757).",
        "Remove `requirepass` from the Sentinels, or use a single primary.",
    ),
    Reason.CACHE_EVICTS_KEYS: Problem(
        "A warning about eviction.",
        "`maxmemory-policy` lets Redis drop job queues and sessions.",
        "Set `maxmemory-policy noeviction`.",
    ),
}

STORAGE: Mapping[Reason, Problem] = {
    Reason.STORAGE_UNREACHABLE: Problem(
        "The object store does not answer.",
        "Wrong `authURL`, a firewall, or it is down.",
        "Ask the URL from a pod: `curl -i -H 'X-Auth-User: …' -H 'X-Auth-Key: …' AUTHURL`.",
    ),
    Reason.STORAGE_CREDENTIALS_REJECTED: Problem(
        "Swift refuses the user or the key.",
        "The Secret of `spec.storage.swift.credentialsSecretRef` does not match RGW; a 403 means an unknown user.",
        "Compare with `radosgw-admin user info --uid=…` (`swift_keys`); the user name is `uid:subuser`.",
    ),
    Reason.STORAGE_URL_MISMATCH: Problem(
        "Authentication works, everything after it goes to another scheme, host or port.",
        "RGW builds `X-Storage-Url` from its own listener and ignores `X-Forwarded-*`; or `authURL` redirects.",
        "Set `rgw swift url = https://HOST[:PORT]` (no path, no trailing slash) in the RGW's section of ceph.conf, "
        "with Rook in `gateway.rgwCommandFlags`, and restart radosgw; the condition turns True by itself.",
    ),
    Reason.STORAGE_CONTAINER_REFUSED: Problem(
        "The container cannot be made or read.",
        "The name is taken by another user (S3 buckets share the names) or used by another HarborRegistry, "
        "or the user may not create containers.",
        "Choose another `spec.storage.swift.container`, or give the user `max_buckets` > 0 and full access.",
    ),
    Reason.STORAGE_PROBE_FAILED: Problem(
        "A small object was written and did not come back as it was.",
        "A cache or an inconsistent store sits in between.",
        "Let the operator and the registry reach RGW without a cache.",
    ),
    Reason.STORAGE_BODY_LIMIT: Problem(
        "`docker push` would end in 'blob upload invalid'.",
        "A proxy before the store answers 413: its body limit is below one chunk.",
        "Set `client_max_body_size 0` on the proxy (`nginx.ingress.kubernetes.io/proxy-body-size` with ingress-nginx).",
    ),
    Reason.STORAGE_QUOTA_EXCEEDED: Problem(
        "Writes are refused although small ones pass.",
        "The RGW user's or bucket's quota is used up.",
        "Raise the quota (`spec.storage.swift.provision.quotaGiB`, or `radosgw-admin quota set`) or collect garbage.",
    ),
    Reason.STORAGE_CLEANING_UP: Problem(
        "The container is being emptied.",
        "The registry was deleted with `deletionPolicy.storage: Delete`.",
        "Wait.",
    ),
    Reason.STORAGE_PROVISIONING_REFUSED: Problem(
        "The RGW Admin Ops API refuses.",
        "The keys in `provision.adminSecretRef` are wrong or lack the capability `users=*`, the user is suspended, or "
        "a proxy changes the Host header, which is signed: let `provision.adminURL` name the RGW itself.",
        "`radosgw-admin caps add --uid=ADMIN --caps='users=*'`.",
    ),
    Reason.SWIFT_SUNSET: Problem(
        "A warning about Swift.",
        "Distribution 3 dropped the Swift driver; every Harbor release so far still ships 2.8.",
        "Nothing today. Before the Harbor release that moves to distribution 3, copy the images to an S3 bucket.",
    ),
    Reason.SWIFT_UNSUPPORTED: Problem(
        "The chart version is not known to ship the Swift driver.",
        "The registry would panic with 'StorageDriver not registered: swift'.",
        f"Choose a chart version with the Swift driver, {SWIFT_RANGE}.",
    ),
}
