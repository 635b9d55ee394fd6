"""The user's own values: which keys they may set, which belong to the operator, and how both are merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.api.charts import ChartSupport
from harbor_operator.api.storage_driver import DRIVERS, DriverName
from harbor_operator.checks.database_rotation import MIGRATE_HOOK
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan.values.paths import Path, leaves, unwrap, value_at
from harbor_operator.plan.values.unknown_keys import find_unread_values
from harbor_operator.reasons import Reason

ENV = "extraEnvVars"
MAX_LISTED_FINDINGS = 20

_GENERATED = "the operator generates it once and keeps it; remove it"
_USE_VALUES_FROM = "put it into a Secret and name that Secret in `spec.release.valuesFrom`"

# Keys that the operator owns, whether or not this spec renders them, and the field to use instead.
_OWNED: dict[str, str] = {
    "externalURL": "use `spec.externalURL`",
    "expose.type": "use `spec.expose.type`",
    "expose.tls": "use `spec.expose.tlsSecretName`",
    "expose.ingress.hosts": "use `spec.externalURL`",
    "expose.route.parentRefs": "use `spec.expose.parentRefs`",
    "expose.route.hosts": "use `spec.externalURL` and `spec.pullSecrets.extraHosts`",
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
# Advice about a key that the operator owns only in the values that render it.
_OWNED_WHEN_RENDERED = {
    MIGRATE_HOOK: "remove it: its job cannot log in while Harbor uses the second login of its databases",
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
    **{
        f"persistence.imageChartStorage.s3.{key}": "put it into a Secret and use `spec.storage.s3.credentialsSecretRef`"
        for key in ("accesskey", "secretkey")
    },
    **{
        f"persistence.imageChartStorage.{name}.{key}": "put it into a Secret and use `spec.storage.driver.secretRef`"
        for name in (DriverName.AZURE, DriverName.GCS, DriverName.OSS)
        for key in DRIVERS[name].credential.values()
    },
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


def check_user_values(
    sources: Sequence[UserValues], chart: ChartSupport, owned: Tree, *, volume: bool
) -> Blocked | None:
    """Returns every value that is refused, with the field to use instead: one correction is enough."""
    advice = {**_OWNED, **(_OWNED_WITH_VOLUME if volume else {})}
    prefixes = {tuple(prefix.split(".")): text for prefix, text in advice.items()}
    found = [finding for source in sources for finding in _refused_values(source, chart, owned, prefixes)]
    if not found:
        return None
    reasons = {finding.reason for finding in found}
    reason = Reason.VALUES_INVALID if Reason.VALUES_INVALID in reasons else Reason.VALUES_CONFLICT
    texts = [finding.message for finding in found]
    more = len(texts) - MAX_LISTED_FINDINGS
    listed = "; ".join([*texts[:MAX_LISTED_FINDINGS], *([f"and {more} more"] if more > 0 else [])])
    return Blocked(reason, listed if len(texts) == 1 else f"{len(texts)} values are refused: {listed}")


def _refused_values(
    source: UserValues, chart: ChartSupport, owned: Tree, prefixes: Mapping[Path, str]
) -> Iterator[Blocked]:
    """Yields one finding for each value; a misspelt key in a section of the operator has to be removed anyway."""
    taken = dict(_owned_values(source, owned, prefixes))
    sections = {path[:length] for path in taken for length in range(1, len(path) + 1)}
    rendered = (path for path in leaves(owned) if path[-1] != ENV)
    refused = {*prefixes, *rendered, *(tuple(key.split(".")) for key in _SECRET_KEYS)}

    def is_owned(path: Path) -> bool:
        return any(path[:length] in refused for length in range(1, len(path) + 1))

    yield from (finding for path, finding in find_unread_values(source, chart.minor, is_owned) if path not in sections)
    yield from taken.values()


def _owned_values(source: UserValues, owned: Tree, prefixes: Mapping[Path, str]) -> Iterator[tuple[Path, Blocked]]:
    """Yields each value that belongs to the operator and differs from the operator's own."""
    owned_paths = frozenset(leaves(owned))
    for path in leaves(source.tree):
        if _is_accepted(value_at(source.tree, path), value_at(owned, path)):
            continue
        finding = _check_path(path, source, prefixes, owned_paths)
        if finding is None and path[-1] == ENV:
            finding = _check_environment(path, source, owned)
        if finding:
            yield path, finding


def _is_accepted(given: object, ours: object) -> bool:
    """Whether the value changes nothing: it equals the operator's, or is empty where the operator sets nothing.

    Equality with a secret is never confirmed: the answer would help to guess it.
    """
    if ours is None:
        return given is not None and unwrap(given) in ("", [], {})
    if isinstance(ours, SecretStr | dict) or isinstance(ours, bool) != isinstance(given, bool):
        return False
    given = unwrap(given)
    # Templates print a number and its digits alike.
    return given == ours or (isinstance(given, int | str) and str(given) == str(ours))


def is_secret(path: Path) -> bool:
    """Whether the value is a secret of Harbor, or names the Secret that contains it."""
    generated = (prefix for prefix, advice in _OWNED.items() if advice == _GENERATED)
    is_named = path[-1].startswith("existingSecret") or any(_overlaps(path, tuple(key.split("."))) for key in generated)
    return is_named or ".".join(path) in _SECRET_KEYS


def where_to_set(path: Path) -> str:
    """Returns how the spec sets the value, for a release that has it."""
    advice = {**_OWNED, **_OWNED_WITH_VOLUME, "internalTLS.enabled": "use `spec.internalTLS`"}
    owned = next((text for prefix, text in advice.items() if _overlaps(path, tuple(prefix.split(".")))), "")
    if owned == _GENERATED:
        return "the operator cannot keep it: change it in the release first"
    if owned:
        return owned
    return _USE_VALUES_FROM if ".".join(path) in _ONLY_FROM_SECRET else "add it to `spec.release.values`"


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
        return Blocked(
            Reason.VALUES_CONFLICT, f"{where} belongs to the operator: {_OWNED_WHEN_RENDERED.get(key, 'remove it')}"
        )
    return None


def _check_environment(path: Path, source: UserValues, owned: Tree) -> Blocked | None:
    where = f"`{'.'.join(path)}` in {source.origin}"
    given = value_at(source.tree, path)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        return Blocked(Reason.VALUES_INVALID, f"{where} is not a list of variables: write `- name: X` and its value")
    ours = {item["name"] for item in value_at(owned, path) or []}
    taken = sorted(ours & {unwrap(item.get("name")) for item in given})
    if not taken:
        return None
    variables = ", ".join(f"'{name}'" for name in taken)
    return Blocked(Reason.VALUES_CONFLICT, f"{variables} of {where} belongs to the operator: use `spec.cache`")


def _overlaps(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]
