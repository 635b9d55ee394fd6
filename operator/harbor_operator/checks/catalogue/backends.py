"""Reasons of the servers that Harbor depends on: Redis and the object store."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import SWIFT_RANGE
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

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
        "`keys` for S3). For S3, set `proxy_set_header Host $http_host` in the nginx in front of the store. With "
        "Keystone, compare the Secret of `spec.storage.driver.secretRef`, `username` and `domain`, and give the user a "
        "role in the project `tenant` that the store accepts.",
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
