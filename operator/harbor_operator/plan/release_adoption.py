"""What taking over a release that another client installed would keep and change. Everything here is pure.

The values that count are the effective ones: what was given, above the defaults of the chart. Both sides are compared
with the defaults in the stored release, so the chart version must be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.api.charts import ChartSupport, Feature
from harbor_operator.model.release import (
    DesiredRelease,
    GeneratedSecret,
    RedisKey,
    ReleaseSecrets,
    Revision,
    StoredRelease,
    Tree,
)
from harbor_operator.model.release_adoption import TOKEN_PAIR_PATH, AdoptionPlan, ChangedValue, SecretLocation
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import TlsComponent
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.plan.values.paths import Path
from harbor_operator.plan.values.user import ENV, is_secret, where_to_set

_IDENTIFIER_LENGTH = 8
_REDIS_VARIABLES = {str(key) for key in RedisKey}
_STORAGE: Path = ("persistence", "imageChartStorage")
# One of the sections below each of these is in use; a value next to them names it.
_CHOICES: tuple[tuple[Path, str], ...] = ((("database",), "type"), (("redis",), "type"), (_STORAGE, "type"))
_SECTIONS = {"internal", "external", "filesystem", "swift", "s3", "azure", "gcs", "oss"}
# How the driver talks to the store, not where the images are.
_STORAGE_TUNING = {"authversion", "chunksize", "disableredirect", "secure", "storageclass", "v4auth"}
# What the operator replaces without a loss of data. The volume of old job logs stays.
_REPLACED: tuple[Path, ...] = (
    ("jobservice", "jobLogger"),
    ("jobservice", "jobLoggers"),
    ("caBundleSecretName",),
    ("caSecretName",),
    ("internalTLS", "certSource"),
    *(("internalTLS", component, "secretName") for component in TlsComponent),
    (*_STORAGE, "caBundleSecretName"),
)
_REGISTRY_USERNAME: Path = ("registry", "credentials", "username")
_TLS: Path = ("expose", "tls")
_TLS_ENABLED: Path = (*_TLS, "enabled")
_ANNOTATIONS: Path = ("expose", "ingress", "annotations")


class _Source(NamedTuple):
    """Where the chart reads a secret: `key` of its own Secret, or `given_key` of the Secret that a value names."""

    suffix: str
    key: str
    given: str
    given_key: str = ""
    given_key_path: str = ""
    feature: Feature | None = None


ADMIN_PASSWORD = "HARBOR_ADMIN_PASSWORD"  # noqa: S105 - the name of a key
_SOURCES: Mapping[str, _Source] = {
    GeneratedSecret.SECRET_KEY: _Source("core", "secretKey", "existingSecretSecretKey", "secretKey"),
    GeneratedSecret.CORE: _Source("core", "secret", "core.existingSecret", "secret"),
    GeneratedSecret.JOBSERVICE: _Source(
        "jobservice", "JOBSERVICE_SECRET", "jobservice.existingSecret", given_key_path="jobservice.existingSecretKey"
    ),
    GeneratedSecret.REGISTRY_HTTP: _Source(
        "registry", "REGISTRY_HTTP_SECRET", "registry.existingSecret", given_key_path="registry.existingSecretKey"
    ),
    GeneratedSecret.CSRF: _Source(
        "core",
        "CSRF_KEY",
        "core.existingXsrfSecret",
        given_key_path="core.existingXsrfSecretKey",
        feature=Feature.XSRF_KEY,
    ),
    GeneratedSecret.TOKEN_CERTIFICATE: _Source("core", "tls.crt", "core.secretName", "tls.crt"),
    GeneratedSecret.TOKEN_KEY: _Source("core", "tls.key", "core.secretName", "tls.key"),
    GeneratedSecret.REGISTRY_PASSWORD: _Source(
        "core",
        "REGISTRY_CREDENTIAL_PASSWORD",
        "registry.credentials.existingSecret",
        "REGISTRY_PASSWD",
        feature=Feature.REGISTRY_CREDENTIALS,
    ),
    GeneratedSecret.REGISTRY_HTPASSWD: _Source(
        "registry-htpasswd",
        "REGISTRY_HTPASSWD",
        "registry.credentials.existingSecret",
        "REGISTRY_HTPASSWD",
        feature=Feature.HTPASSWD_STRING,
    ),
    GeneratedSecret.INTERNAL_DATABASE: _Source("database", "POSTGRES_PASSWORD", ""),
    ADMIN_PASSWORD: _Source(
        "core",
        ADMIN_PASSWORD,
        "existingSecretAdminPassword",
        given_key_path="existingSecretAdminPasswordKey",
    ),
}


_TOKEN_KEY_MINORS = range(1, 12)
_LAST_PUBLISHED_PATCHES = {3: 16, 9: 5, 10: 3, 11: 0}
"""The last patch versions with the published key, for the minors that have replaced it."""


def effective_values(stored: StoredRelease, given: Mapping[str, Any]) -> Tree:
    """Returns the values as templates see them: an explicit null removes a default, as in Helm."""
    return _coalesce(stored.defaults, given)


def secret_locations(values: Tree, secrets: Iterable[str], chart: ChartSupport) -> dict[str, SecretLocation]:
    """Returns where each secret of a release is, by GeneratedSecret or ADMIN_PASSWORD.

    `secrets` are the names of the Secrets in its manifest: the chart derives the names of all objects from one prefix.
    """
    listed = tuple(secrets)
    found = {}
    for target, source in _SOURCES.items():
        if source.feature and not chart.supports(source.feature):
            continue
        if target == GeneratedSecret.INTERNAL_DATABASE and _at(values, ("database", "type")) != "internal":
            continue
        given = str(_at(values, source.given.split(".")) or "") if source.given else ""
        if given:
            key = source.given_key or str(_at(values, source.given_key_path.split(".")) or source.key)
            found[target] = SecretLocation(given, key)
        else:
            own = next((name for name in listed if name.endswith(f"-{source.suffix}")), "")
            found[target] = SecretLocation(own, source.key)
    return found


def without_published_pair(
    locations: Mapping[str, SecretLocation], values: Tree, version: str
) -> dict[str, SecretLocation]:
    """Returns the locations without the key pair for tokens if the chart publishes it (GHSA-j7jh-fmcm-xxwv).

    The operator then generates another one. Tokens that were issued before are invalid after the next Helm run; they
    last half an hour.
    """
    if _at(values, TOKEN_PAIR_PATH.split(".")) or not _publishes_token_key(version):
        return dict(locations)
    pair = {str(GeneratedSecret.TOKEN_KEY), str(GeneratedSecret.TOKEN_CERTIFICATE)}
    return {target: location for target, location in locations.items() if target not in pair}


def _publishes_token_key(version: str) -> bool:
    _, minor, patch = map(int, version.split(".")[:3])
    return minor in _TOKEN_KEY_MINORS and patch <= _LAST_PUBLISHED_PATCHES.get(minor, patch)


def with_adopted(found: ReleaseSecrets, adopted: Mapping[str, SecretStr]) -> ReleaseSecrets:
    """Returns the Secrets of the registry as they are once the secrets of the release are stored in them."""
    generated = {key: value for key, value in adopted.items() if key != ADMIN_PASSWORD}
    return replace(
        found,
        generated={**found.generated, **generated},
        admin_password=adopted.get(ADMIN_PASSWORD, found.admin_password),
    )


def conflicting_secrets(found: ReleaseSecrets, adopted: Mapping[str, SecretStr]) -> list[str]:
    """Returns the keys under which the registry has another value already."""
    present = {**found.generated, ADMIN_PASSWORD: found.admin_password}
    return [key for key, value in adopted.items() if present[key].get_secret_value() and present[key] != value]


def compare_values(
    stored: StoredRelease, desired: DesiredRelease, chart: ChartSupport
) -> tuple[list[ChangedValue], list[str]]:
    """Returns the values that would be lost, and the paths of those that the operator replaces without a loss."""
    before, after = effective_values(stored, stored.config), effective_values(stored, unwrap_secrets(desired.values))
    lost, replaced, known = [], [], chart_keys(chart.minor)
    for path in _differences(before, after):
        is_covered = is_secret(path) and path != _REGISTRY_USERNAME
        if is_covered or _is_unused(path, before, after) or unknown_key(path, known):
            continue
        if _is_replaced(path, after):
            replaced.append(path)
        else:
            value, default = _at(before, path), _at(stored.defaults, path)
            shown = _text(value) if value is not None and value == default else ""
            lost.append(ChangedValue(".".join(path), where_to_set(path), shown))
    return lost, sorted({".".join(_TLS if path[:2] == _TLS else path) for path in replaced})


def plan_adoption(
    desired: DesiredRelease, newest: Revision, secrets: Iterable[str], replaced: Sequence[str], helm_release: str
) -> AdoptionPlan:
    """Returns the plan; its identifier changes with the revision and with what the next Helm run would change."""
    content = "\0".join((desired.namespace, desired.name, str(newest.number), desired.version, *replaced))
    identifier = hashlib.sha256(content.encode()).hexdigest()[:_IDENTIFIER_LENGTH]
    return AdoptionPlan(identifier, newest.number, sorted(secrets), replaced, helm_release)


def adoption_labels(desired: DesiredRelease, newest: Revision) -> dict[str, str]:
    """Returns the labels that make a revision the operator's, as it is."""
    return {**desired.labels, names.ADOPTED_REVISION: str(newest.number)}


def _is_unused(path: Path, before: Tree, after: Tree) -> bool:
    """Whether the value has no effect: it is in a section that is not in use, or annotates the secrets of a pod."""
    if names.SECRETS_DIGEST in path:
        return True
    if path == (*_STORAGE, "disableredirect") and _at(before, (*_STORAGE, "type")) == "filesystem":
        return True
    if path[:2] == _TLS:
        return path != _TLS_ENABLED and not (_at(before, _TLS_ENABLED) and _at(after, _TLS_ENABLED))
    if path[:1] == ("expose",) and path[1:2] not in {("type",), (_at(before, ("expose", "type")),)}:
        return True
    for parent, choice in _CHOICES:
        section = path[len(parent)] if len(path) > len(parent) + 1 and path[: len(parent)] == parent else ""
        if section in _SECTIONS and section != _at(before, (*parent, choice)):
            return True
    return False


def _is_replaced(path: Path, after: Tree) -> bool:
    if path[:2] == _TLS:
        return path != _TLS_ENABLED
    if path[:3] == _ANNOTATIONS:
        return _at(after, path) is not None
    if path[:2] == _STORAGE and path[-1] in _STORAGE_TUNING:
        return True
    return any(path[: len(known)] == known for known in _REPLACED) and bool(_at(after, path))


def _differences(before: Any, after: Any, at: Path = ()) -> Iterator[Path]:
    """Yields the paths of leaves that templates would see differently."""
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        old = before if isinstance(before, Mapping) else {}
        new = after if isinstance(after, Mapping) else {}
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), (*at, key))
    elif _comparable(before, at) != _comparable(after, at):
        yield at


def _comparable(value: Any, path: Path) -> Any:
    """Returns what templates make of a value: they print a number and its digits alike, and skip what is empty."""
    if path[-1] == ENV and isinstance(value, list):
        value = [
            item for item in value if not (isinstance(item, Mapping) and str(item.get("name")) in _REDIS_VARIABLES)
        ]
    if value is False or value in (None, "", [], {}):
        return None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _coalesce(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = _coalesce(old, value)
        else:
            result[key] = value
    return result


def _at(values: Any, path: Sequence[str]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
