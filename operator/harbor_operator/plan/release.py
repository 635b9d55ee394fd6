"""The wish for the Helm release, the state of the one that is there, and the one action that follows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.release import (
    check_cache_features,
    check_chart,
    check_storage_type,
    check_tls,
    check_upgrade,
    unknown_chart,
)
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import (
    Action,
    DesiredRelease,
    ReleaseSecrets,
    ReleaseState,
    Revision,
    StoredRelease,
)
from harbor_operator.plan import names
from harbor_operator.plan.charts import chart_era
from harbor_operator.plan.values import plan_values
from harbor_operator.plan.values.eras import Era, Feature
from harbor_operator.plan.values.inputs import Inputs

_FIRST_RETRY, _LAST_RETRY = 10.0, 900.0
_SHORTEST_HIDDEN = 8
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
    """Returns the wanted release, or why this spec cannot become one."""
    era = select_chart(registry, release)
    if isinstance(era, Blocked):
        return era
    values = plan_values(Inputs(registry, era, secrets))
    if isinstance(values, Blocked):
        return values
    # The label tells whether the release is the one wished for; keyed, because it is derived from passwords as well.
    digest = secrets.keyed_digest(
        release.chart, release.repository, release.version, json.dumps(unwrap_secrets(values), sort_keys=True)
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
    )


def select_chart(registry: HarborRegistry, release: Release) -> Era | Blocked:
    """Returns the era of the wanted chart, or why the chart is not for this registry."""
    known = chart_era(release.version)
    storage, url = registry.spec.storage, registry.spec.external_url
    swift = storage is not None and storage.swift is not None
    if known is None or (swift and not known.swift_supported):
        return unknown_chart(release.version, swift=swift)
    era = Era(known.minor)
    return (
        check_chart(release.version, url)
        or check_tls(url, registry.spec.expose.tls_secret_name)
        or check_cache_features(too_old=_unsupported_fields(registry, era))
        or era
    )


def check_succession(before: StoredRelease, desired: DesiredRelease) -> Blocked | None:
    """Returns why the wish must not follow what was deployed or tried before."""
    return check_upgrade(before.chart_version, desired.version) or check_storage_type(
        storage_type(before.config), storage_type(desired.values)
    )


def determine_state(
    revisions: list[Revision], stored: StoredRelease | None, desired: DesiredRelease, owner: Mapping[str, str]
) -> ReleaseState:
    """Returns the state of the newest revision; `stored` is its payload."""
    if not revisions or revisions[-1].status == "uninstalled":
        return ReleaseState.ABSENT
    newest = revisions[-1]
    if not newest.belongs_to(owner):
        return ReleaseState.FOREIGN
    if _PENDING.fullmatch(newest.status):
        return ReleaseState.PENDING
    if newest.status == "failed":
        return ReleaseState.FAILED
    return ReleaseState.DEPLOYED if _is_wished(newest, stored, desired) else ReleaseState.OUTDATED


def failures_in_a_row(revisions: list[Revision], digest: str) -> int:
    """Returns how often this very wish has failed since it last changed."""
    count = 0
    for revision in reversed(revisions):
        if revision.status != "failed" or revision.digest != digest:
            break
        count += 1
    return count


def retry_delay(failures: int) -> float:
    """Returns how many seconds to leave between failure and retry; doubles up to a quarter of an hour."""
    return min(_FIRST_RETRY * 2.0 ** min(failures - 1, 20), _LAST_RETRY) if failures else 0.0


def storage_type(values: Mapping[str, Any]) -> str:
    """Returns the storage driver that chart values choose."""
    images = (values.get("persistence") or {}).get("imageChartStorage") or {}
    return str(images.get("type", "filesystem"))


def unwrap_secrets(value: Any) -> Any:
    """Returns the values with their hidden leaves in the clear: for Helm's standard input and for digests only."""
    if isinstance(value, dict):
        return {key: unwrap_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap_secrets(item) for item in value]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _is_wished(newest: Revision, stored: StoredRelease | None, desired: DesiredRelease) -> bool:
    # The label alone would not do: Helm copies it to the revisions of whoever upgrades the release by hand.
    if stored is None or newest.digest != desired.digest or stored.chart_version != desired.version:
        return False
    return bool(_without_nulls(stored.config) == _without_nulls(unwrap_secrets(desired.values)))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _unsupported_fields(registry: HarborRegistry, era: Era) -> list[str]:
    cache = registry.spec.cache
    if cache is None:
        return []
    needs = {"spec.cache.tls": (cache.tls, Feature.REDIS_TLS)}
    needs["spec.cache.sentinelMaster"] = (bool(cache.sentinel_master), Feature.REDIS_ADDR)
    return [field for field, (wanted, feature) in needs.items() if wanted and not era.has(feature)]


def _secret_leaves(value: Any) -> Iterator[SecretStr]:
    """Yields the hidden leaves; short ones of the user's are words like 'true', whose loss would garble a message."""
    if isinstance(value, SecretStr) and len(value.get_secret_value()) >= _SHORTEST_HIDDEN:
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _secret_leaves(child)
