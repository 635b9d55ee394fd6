"""The user's own values: which keys they may set, which belong to the operator, and how both are merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.charts import ChartSupport
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.reasons import Reason

Path = tuple[str, ...]
ENV = "extraEnvVars"

_GENERATED = "the operator generates it once and keeps it; remove it"
_USE_VALUES_FROM = "put it into a Secret and name that Secret in `spec.release.valuesFrom`"

# Keys that the operator owns, whether or not this spec renders them, and the field to use instead.
_OWNED: dict[str, str] = {
    "externalURL": "use `spec.externalURL`",
    "expose.type": "use `spec.expose.type`",
    "expose.tls": "use `spec.expose.tlsSecretName`",
    "expose.ingress.hosts": "use `spec.externalURL`",
    "expose.ingress.className": "use `spec.expose.ingressClassName`",
    "database.type": "use `spec.database`",
    "database.external": "use `spec.database`",
    "redis.type": "use `spec.cache`",
    "redis.external": "use `spec.cache`",
    "persistence.imageChartStorage": "use `spec.storage`",
    "existingSecretAdminPassword": "use `spec.adminPasswordSecretRef`",
    "existingSecretAdminPasswordKey": "use `spec.adminPasswordSecretRef`",
    "caBundleSecretName": "use `spec.caSecretRef`",
    "caSecretName": "use `spec.caSecretRef`",
    "existingSecretSecretKey": _GENERATED,
    "core.existingSecret": _GENERATED,
    "core.secretName": _GENERATED,
    "core.tokenCert": _GENERATED,
    "core.existingXsrfSecret": _GENERATED,
    "core.existingXsrfSecretKey": _GENERATED,
    "jobservice.existingSecret": _GENERATED,
    "jobservice.existingSecretKey": _GENERATED,
    "jobservice.jobLogger": "job logs go to the database, so that no volume is needed; remove it",
    "jobservice.jobLoggers": "job logs go to the database, so that no volume is needed; remove it",
    "registry.existingSecret": _GENERATED,
    "registry.existingSecretKey": _GENERATED,
    "registry.credentials": _GENERATED,
}
_OWNED_WITH_VOLUME = {
    "persistence.enabled": "use `spec.storage`",
    "persistence.resourcePolicy": "use `spec.deletionPolicy.storage`",
    "persistence.persistentVolumeClaim.registry.size": "use `spec.storage.filesystem.size`",
    "persistence.persistentVolumeClaim.registry.storageClass": "use `spec.storage.filesystem.storageClassName`",
}
# Keys that hold a secret: the first table is always refused, the second is accepted from a Secret only.
_SECRET_KEYS: dict[str, str] = {
    "harborAdminPassword": "put it into a Secret and use `spec.adminPasswordSecretRef`",
    "secretKey": _GENERATED,
    "core.secret": _GENERATED,
    "core.tokenKey": _GENERATED,
    "core.xsrfKey": _GENERATED,
    "jobservice.secret": _GENERATED,
    "registry.secret": _GENERATED,
    "registry.credentials.password": _GENERATED,
    "registry.credentials.htpasswd": _GENERATED,
    "registry.credentials.htpasswdString": _GENERATED,
    "database.internal.password": _GENERATED,
    "database.external.password": "put it into a Secret and use `spec.database.adminSecretRef`",
    "redis.external.password": "put it into a Secret and use `spec.cache.passwordSecretRef`",
    "persistence.imageChartStorage.swift.password": (
        "put it into a Secret and use `spec.storage.swift.credentialsSecretRef`"
    ),
    "persistence.imageChartStorage.swift.secretkey": (
        "put it into a Secret and use `spec.storage.swift.credentialsSecretRef`"
    ),
}
_ONLY_FROM_SECRET = (
    "trivy.gitHubToken",
    "core.configureUserSettings",
    "trace.jaeger.password",
    *(f"internalTLS.{part}.key" for part in ("core", "jobservice", "registry", "portal", "trivy", "chartmuseum")),
)


def check_user_values(source: UserValues, chart: ChartSupport, owned: Tree, *, volume: bool) -> Blocked | None:
    """Returns why these values are refused, with the first key at fault and the field to use instead."""
    unknown = sorted(set(source.tree) - chart.top_level_keys)
    if unknown:
        return Blocked(
            Reason.VALUES_INVALID,
            f"`{unknown[0]}` in {source.origin} is not a key of charts 1.{chart.minor}.x: remove it or correct its"
            " name",
        )
    owned_paths = frozenset(_leaves(owned))
    advice = {**_OWNED, **(_OWNED_WITH_VOLUME if volume else {})}
    prefixes = {tuple(prefix.split(".")): text for prefix, text in advice.items()}
    for path in _leaves(source.tree):
        if finding := _check_path(path, source, prefixes, owned_paths):
            return finding
        if path[-1] == ENV and (finding := _check_environment(path, source, owned)):
            return finding
    return None


def merge_values(below: Tree, above: Tree) -> Tree:
    """Returns both trees as one; `above` wins, lists of environment variables are joined."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            result[key] = merge_values(old, value)
        elif key == ENV and isinstance(old, list):
            result[key] = [*old, *value]
        else:
            result[key] = value
    return result


def _check_path(
    path: Path, source: UserValues, prefixes: Mapping[Path, str], owned_paths: frozenset[Path]
) -> Blocked | None:
    key, where = ".".join(path), f"`{'.'.join(path)}` in {source.origin}"
    if advice := _SECRET_KEYS.get(key):
        return Blocked(Reason.VALUES_INVALID, f"{where} holds a secret: {advice}")
    if key in _ONLY_FROM_SECRET and not source.secret:
        return Blocked(Reason.VALUES_INVALID, f"{where} holds a secret: {_USE_VALUES_FROM}")
    for prefix, advice in prefixes.items():
        if _overlaps(path, prefix):
            return Blocked(Reason.VALUES_CONFLICT, f"{where} belongs to the operator: {advice}")
    if path[-1] != ENV and any(_overlaps(path, own) for own in owned_paths):
        return Blocked(Reason.VALUES_CONFLICT, f"{where} belongs to the operator: remove it")
    return None


def _check_environment(path: Path, source: UserValues, owned: Tree) -> Blocked | None:
    where = f"`{'.'.join(path)}` in {source.origin}"
    given = _at(source.tree, path)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        return Blocked(Reason.VALUES_INVALID, f"{where} is not a list of variables: write `- name: X` and its value")
    ours = {item["name"] for item in _at(owned, path) or []}
    taken = sorted(ours & {_unwrap(item.get("name")) for item in given})
    if not taken:
        return None
    return Blocked(
        Reason.VALUES_CONFLICT, f"variable '{taken[0]}' of {where} belongs to the operator: use `spec.cache`"
    )


def _unwrap(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _at(tree: Tree, path: Path) -> Any:
    found: Any = tree
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _overlaps(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _leaves(tree: Tree, at: Path = ()) -> Iterator[Path]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key)
