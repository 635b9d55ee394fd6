"""Values of the user's own: what may be said, what belongs to the operator, and how both become one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan.values.eras import Era
from harbor_operator.reasons import Reason

Path = tuple[str, ...]
ENV = "extraEnvVars"

_PINNED = "the operator makes it once and keeps it; leave it out"
_PULLED_OUT = "put it into a Secret and name that in `spec.release.valuesFrom`"

# Keys the operator owns whole, whether or not this spec renders them, and the field that says the same.
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
    "existingSecretSecretKey": _PINNED,
    "core.existingSecret": _PINNED,
    "core.secretName": _PINNED,
    "core.tokenCert": _PINNED,
    "core.existingXsrfSecret": _PINNED,
    "core.existingXsrfSecretKey": _PINNED,
    "jobservice.existingSecret": _PINNED,
    "jobservice.existingSecretKey": _PINNED,
    "jobservice.jobLogger": "job logs go to the database, so that no volume is needed; leave it out",
    "jobservice.jobLoggers": "job logs go to the database, so that no volume is needed; leave it out",
    "registry.existingSecret": _PINNED,
    "registry.existingSecretKey": _PINNED,
    "registry.credentials": _PINNED,
}
_OWNED_WITH_VOLUME = {
    "persistence.enabled": "use `spec.storage`",
    "persistence.resourcePolicy": "use `spec.deletionPolicy.storage`",
    "persistence.persistentVolumeClaim.registry.size": "use `spec.storage.filesystem.size`",
    "persistence.persistentVolumeClaim.registry.storageClass": "use `spec.storage.filesystem.storageClassName`",
}
# Keys that hold a secret. The first table is refused wherever it stands; the second may come out of a Secret.
_NEVER: dict[str, str] = {
    "harborAdminPassword": "put it into a Secret and use `spec.adminPasswordSecretRef`",
    "secretKey": _PINNED,
    "core.secret": _PINNED,
    "core.tokenKey": _PINNED,
    "core.xsrfKey": _PINNED,
    "jobservice.secret": _PINNED,
    "registry.secret": _PINNED,
    "registry.credentials.password": _PINNED,
    "registry.credentials.htpasswd": _PINNED,
    "registry.credentials.htpasswdString": _PINNED,
    "database.internal.password": _PINNED,
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


def parse_values(origin: str, text: str, *, secret: bool) -> UserValues | Blocked:
    """Returns the mapping that the text holds; the message about a bad one does not quote it."""
    try:
        tree: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        keyed_digest = getattr(error, "problem_mark", None)
        where = f" at line {keyed_digest.line + 1}" if keyed_digest else ""
        return Blocked(Reason.VALUES_INVALID, f"{origin} is not YAML{where}; `helm template -f` would say the same")
    if tree is None:
        return UserValues(origin, {}, secret)
    if not isinstance(tree, dict):
        return Blocked(Reason.VALUES_INVALID, f"{origin} is not a YAML mapping of chart values")
    return UserValues(origin, _plain(tree, secret=secret), secret)


def judge_user_values(source: UserValues, era: Era, owned: Tree, *, volume: bool) -> Blocked | None:
    """Returns why these values cannot be taken, naming the first key that is at fault and what to do instead."""
    unknown = sorted(set(source.tree) - era.top_level_keys)
    if unknown:
        return Blocked(
            Reason.VALUES_INVALID,
            f"`{unknown[0]}` in {source.origin} means nothing to charts 1.{era.minor}.x; remove it or correct its name",
        )
    for path in _leaves(source.tree):
        finding = _judge_path(path, source, owned, volume=volume)
        if finding:
            return finding
    return None


def merged(below: Tree, above: Tree) -> Tree:
    """Returns both trees as one; what is above wins, lists of environment variables are joined."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            result[key] = merged(old, value)
        elif key == ENV and isinstance(old, list):
            result[key] = [*old, *value]
        else:
            result[key] = value
    return result


def _judge_path(path: Path, source: UserValues, owned: Tree, *, volume: bool) -> Blocked | None:
    key, where = ".".join(path), f"`{'.'.join(path)}` in {source.origin}"
    if advice := _NEVER.get(key):
        return Blocked(Reason.VALUES_INVALID, f"{where} holds a secret: {advice}")
    if key in _ONLY_FROM_SECRET and not source.secret:
        return Blocked(Reason.VALUES_INVALID, f"{where} holds a secret: {_PULLED_OUT}")
    for prefix, advice in {**_OWNED, **(_OWNED_WITH_VOLUME if volume else {})}.items():
        if _touches(path, tuple(prefix.split("."))):
            return Blocked(Reason.VALUES_CONFLICT, f"{where} belongs to the operator: {advice}")
    if path[-1] != ENV and any(_touches(path, own) for own in _leaves(owned)):
        return Blocked(Reason.VALUES_CONFLICT, f"{where} belongs to the operator: leave it out")
    return _judge_environment(path, source, owned) if path[-1] == ENV else None


def _judge_environment(path: Path, source: UserValues, owned: Tree) -> Blocked | None:
    given = _at(source.tree, path)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        return Blocked(Reason.VALUES_INVALID, f"`{'.'.join(path)}` in {source.origin} is not a list of variables")
    ours = {item["name"] for item in _at(owned, path) or []}
    taken = sorted(ours & {_seen(item.get("name")) for item in given})
    if not taken:
        return None
    return Blocked(
        Reason.VALUES_CONFLICT,
        f"variable '{taken[0]}' of `{'.'.join(path)}` in {source.origin} belongs to the operator: use `spec.cache`",
    )


def _seen(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _at(tree: Tree, path: Path) -> Any:
    found: Any = tree
    for word in path:
        found = found.get(word) if isinstance(found, dict) else None
    return found


def _touches(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _leaves(tree: Tree, at: Path = ()) -> Iterator[Path]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key)


def _plain(value: Any, *, secret: bool) -> Any:
    """Returns what Helm would read: JSON types only, and hidden text if it came out of a Secret."""
    if isinstance(value, dict):
        return {_word(key): _plain(item, secret=secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, secret=secret) for item in value]
    if isinstance(value, (dt.date, dt.datetime)):
        value = value.isoformat()
    return SecretStr(value) if secret and isinstance(value, str) else value


def _word(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
