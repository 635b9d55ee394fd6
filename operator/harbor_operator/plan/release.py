"""The desired Helm release, the state of the observed one, and the one action that follows.

Everything here is pure. A release is as desired if three things agree: the digest in the label of its newest revision,
its chart version, and the values that Helm stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.charts import ChartSupport, Feature, find_chart
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.release import (
    check_cache_address,
    check_chart,
    check_database_address,
    check_features,
    check_tls,
    foreign_release,
    unknown_chart,
)
from harbor_operator.checks.release_data import check_object_names, check_storage, check_volumes
from harbor_operator.checks.storage_driver import check_parameters
from harbor_operator.checks.upgrades import check_path
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import (
    Action,
    DesiredRelease,
    ObservedRelease,
    ReleaseSecrets,
    ReleaseState,
    Revision,
    StoredRelease,
)
from harbor_operator.plan import names
from harbor_operator.plan.gateway import uses_route
from harbor_operator.plan.generated_secrets import database_login_digest
from harbor_operator.plan.internal_tls import is_enabled
from harbor_operator.plan.upgrade_path import plan_upgrade
from harbor_operator.plan.values import plan_values
from harbor_operator.plan.values.inputs import Inputs

INITIAL_RETRY_SECONDS, MAX_RETRY_SECONDS = 10.0, 900.0
MAX_REPEATED_UPGRADES = 3
"""Successful upgrades with one digest that may leave the release different from what was sent."""

_MIN_REDACTED_LENGTH = 8
_PENDING = re.compile(r"pending-.*|uninstalling")

ACTION_FOR = {
    ReleaseState.ABSENT: Action.INSTALL,
    ReleaseState.DEPLOYED: Action.VERIFY,
    ReleaseState.OUTDATED: Action.UPGRADE,
    ReleaseState.FAILED: Action.RETRY,
    ReleaseState.PENDING: Action.UNLOCK,
    ReleaseState.FOREIGN: Action.REFUSE,
}


def plan_release(registry: HarborRegistry, release: Release, secrets: ReleaseSecrets) -> DesiredRelease | Blocked:
    """Returns the desired release, or why this spec cannot become one."""
    chart = select_chart(registry, release)
    if isinstance(chart, Blocked):
        return chart
    values = plan_values(Inputs(registry, chart, secrets))
    if isinstance(values, Blocked):
        return values
    # Keyed, because it is derived from passwords as well and stands in a label.
    digest = secrets.keyed_digest(
        release.chart,
        release.repository,
        release.version,
        json.dumps(unwrap_secrets(values), sort_keys=True),
        # Only if it is given: a release of before the field existed is not upgraded for it.
        *([release.digest] if release.digest else []),
    )
    return DesiredRelease(
        namespace=registry.metadata.namespace,
        name=names.release(registry),
        service_account=release.service_account_name,
        chart=release.chart,
        repository=release.repository,
        version=release.version,
        values=values,
        labels={**names.owner_labels(registry), names.VALUES_DIGEST: digest},
        digest=digest,
        timeout_seconds=release.timeout_seconds,
        secrets=(*secrets.all_secrets, *_secret_leaves(values)),
        chart_digest=release.digest,
        repository_access=secrets.repository_access,
        access_digest=_access_digest(secrets),
        database_login_digest=database_login_digest(secrets),
    )


def select_chart(registry: HarborRegistry, release: Release) -> ChartSupport | Blocked:
    """Returns what the desired chart supports, or why this registry cannot use that chart."""
    chart = find_chart(release.version)
    storage, url = registry.spec.storage, registry.spec.external_url
    swift = storage is not None and storage.uses_swift
    if chart is None or (swift and not chart.swift):
        return unknown_chart(release.version, swift=swift)
    return (
        check_chart(release.version, url)
        or check_tls(url, registry.spec.expose.tls_secret_name)
        or check_database_address(_database_host(registry), supports_ipv6=chart.supports(Feature.IP_FAMILY))
        or check_cache_address(_cache_address(registry))
        or check_features(_unsupported_fields(registry, chart))
        or (check_parameters(storage.driver, chart.minor) if storage and storage.driver else None)
        or chart
    )


def check_change(
    state: ReleaseState, observed: ObservedRelease, desired: DesiredRelease, *, moves_images: bool = False
) -> Blocked | None:
    """Returns why the observed release must not become the desired one.

    `moves_images` is whether the desired storage has the images: a migration has copied them, or goes back.
    """
    match ACTION_FOR[state]:
        case Action.REFUSE:
            return foreign_release(desired.name, desired.namespace)
        case Action.INSTALL | Action.UPGRADE | Action.RETRY if observed.has_been_deployed and observed.stored:
            stored = observed.stored
            installed = observed.installed_version
            values = unwrap_secrets(desired.values)
            return (
                check_path(installed, desired.version, plan_upgrade(installed, desired.version))
                or (None if moves_images else check_storage(stored.config, values))
                or check_object_names(desired.name, stored, desired.version, values)
                or check_volumes(stored.config, values)
            )
        case _:
            return None


def determine_state(observed: ObservedRelease, desired: DesiredRelease, owner: Mapping[str, str]) -> ReleaseState:
    """Returns the state of the newest revision."""
    if not observed.revisions or observed.revisions[-1].status == "uninstalled":
        return ReleaseState.ABSENT
    newest = observed.revisions[-1]
    if not newest.belongs_to(owner):
        return ReleaseState.FOREIGN
    if _PENDING.fullmatch(newest.status):
        return ReleaseState.PENDING
    if newest.status == "failed":
        return ReleaseState.FAILED
    return ReleaseState.DEPLOYED if _is_desired(newest, observed.stored, desired) else ReleaseState.OUTDATED


def failures_in_a_row(observed: ObservedRelease, digest: str) -> int:
    """Returns how many of the newest revisions failed with this digest."""
    count = 0
    for revision in reversed(observed.revisions):
        if revision.status != "failed" or revision.digest != digest:
            break
        count += 1
    return count


def retry_delay(failures: int) -> float:
    """Returns the seconds between the last failure and the retry; it doubles up to a maximum."""
    return backoff_seconds(INITIAL_RETRY_SECONDS, MAX_RETRY_SECONDS, failures - 1) if failures else 0.0


def unwrap_secrets(value: Any) -> Any:
    """Returns the values with their SecretStr leaves in the clear: for Helm's standard input and for digests only."""
    if isinstance(value, dict):
        return {key: unwrap_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap_secrets(item) for item in value]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def first_difference(desired: DesiredRelease, stored: StoredRelease | None) -> str:
    """Returns the path of the first value that Helm stored differently, without the value; empty if there is none."""
    return ".".join(_difference(_without_nulls(unwrap_secrets(desired.values)), _stored_config(stored)) or ())


def _access_digest(secrets: ReleaseSecrets) -> str:
    access = secrets.repository_access
    login = (access.login.username, access.login.password.get_secret_value()) if access.login else ()
    return secrets.keyed_digest(access.ca, *login)


def _is_desired(newest: Revision, stored: StoredRelease | None, desired: DesiredRelease) -> bool:
    # The label is not enough: Helm copies it when another client upgrades the release by hand.
    if stored is None or newest.digest != desired.digest or stored.chart_version != desired.version:
        return False
    # What another client gave to the revision that was adopted has the effect of the desired values.
    if newest.labels.get(names.ADOPTED_REVISION) == str(newest.number):
        return True
    return bool(_stored_config(stored) == _without_nulls(unwrap_secrets(desired.values)))


def _stored_config(stored: StoredRelease | None) -> Any:
    return _without_nulls(stored.config) if stored else {}


def _difference(desired: Any, stored: Any) -> tuple[str, ...] | None:
    if not isinstance(desired, Mapping) or not isinstance(stored, Mapping):
        return None if desired == stored else ()
    for key in sorted({*desired, *stored}):
        found = _difference(desired.get(key), stored.get(key))
        if found is not None:
            return (key, *found)
    return None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _database_host(registry: HarborRegistry) -> str:
    return registry.spec.database.host if registry.spec.database else ""


def _cache_address(registry: HarborRegistry) -> str:
    return registry.spec.cache.addresses[0] if registry.spec.cache else ""


def _unsupported_fields(registry: HarborRegistry, chart: ChartSupport) -> list[str]:
    cache, storage = registry.spec.cache, registry.spec.storage
    needs: dict[str, tuple[bool, Feature]] = {"spec.internalTLS": (is_enabled(registry), Feature.INTERNAL_TLS)}
    needs["spec.expose.parentRefs"] = (uses_route(registry), Feature.ROUTE)
    if cache:
        needs["spec.cache.tls"] = (cache.tls, Feature.REDIS_TLS)
        needs["spec.cache.sentinelMaster"] = (bool(cache.sentinel_master), Feature.REDIS_ADDR)
        needs["spec.cache.username"] = (bool(cache.username), Feature.REDIS_USERNAME)
    if storage and storage.s3 and storage.s3.encryption:
        needs["spec.storage.s3.encryption.kmsKeyId"] = (bool(storage.s3.encryption.kms_key_id), Feature.S3_KMS_KEY)
    return [field for field, (used, feature) in needs.items() if used and not chart.supports(feature)]


def _secret_leaves(value: Any) -> Iterator[SecretStr]:
    """Yields the SecretStr leaves; short ones are words like 'true', and redacting those would garble a message."""
    if isinstance(value, SecretStr) and len(value.get_secret_value()) >= _MIN_REDACTED_LENGTH:
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _secret_leaves(child)
