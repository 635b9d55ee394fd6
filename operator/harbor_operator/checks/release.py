"""Checks of a Helm release: whether the chart may be installed at all, and whether it may follow what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.api.charts import SUPPORTED_RANGE, SWIFT_RANGE
from harbor_operator.checks.release_rights import is_forbidden
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

# Versions that no one should install, and why.
_DENIED = {"1.19.3": "its own release notes say to skip it; use 1.19.2 or 1.19.4"}
# Versions that fail over plain http only (goharbor/harbor#22010).
_DENIED_OVER_HTTP = {"1.16.3": "its portal rejects every login over plain http; use 1.16.2 or 1.16.4"}


def unknown_chart(version: str, *, swift: bool) -> Blocked:
    """Returns the refusal of a chart version that is not in the table; with Swift, it could lack the driver."""
    if swift:
        return Blocked(
            Reason.SWIFT_UNSUPPORTED,
            f"chart version '{version}' in `spec.release.version` is not known to ship the Swift driver, which newer"
            f" versions of Harbor drop: use a chart from {SWIFT_RANGE}, or migrate the images off Swift first",
        )
    return Blocked(
        Reason.CHART_VERSION_UNKNOWN,
        f"chart version '{version}' in `spec.release.version` is not supported: use a version from {SUPPORTED_RANGE},"
        " or upgrade the operator",
    )


def check_chart(version: str, external_url: str) -> Blocked | None:
    """Returns why this chart version must not be installed, whatever is installed now."""
    why = _DENIED.get(version) or (_DENIED_OVER_HTTP.get(version) if external_url.startswith("http:") else None)
    if why is None:
        return None
    return Blocked(
        Reason.CHART_VERSION_REFUSED, f"chart version '{version}' in `spec.release.version` is refused: {why}"
    )


def foreign_release(name: str, namespace: str) -> Blocked:
    """Returns the refusal to change a release that was not created for this registry."""
    return Blocked(
        Reason.RELEASE_FOREIGN,
        f"Helm release '{name}' in namespace '{namespace}' was not created for this registry: create the registry"
        " again with another `spec.release.name`, or remove `spec.release` and let the owner of that release run"
        " Harbor; if no other registry owns it, `spec.release.adopt: true` shows how this one can take it over",
    )


def unreadable_release(secret: str) -> Blocked:
    """Returns the refusal to go on with a release Secret that is not in Helm's format."""
    return Blocked(
        Reason.SECRET_INVALID,
        f"Secret '{secret}' is not a release that Helm wrote: restore it from a backup, or delete it so that the"
        " revision before it counts",
    )


def repeated_upgrade(name: str, count: int, path: str) -> Blocked:
    """Returns the end of upgrades that succeed without making the release what the spec says."""
    where = f" at `{path}`" if path else ""
    return Blocked(
        Reason.RELEASE_FAILED,
        f"Helm upgraded release '{name}' {count} times with the same values, and its stored values still differ{where}"
        f" from what was sent: compare `helm get values {name}` with `spec.release`, correct that value, and make sure"
        " that no other client upgrades the release",
    )


def check_tls(external_url: str, tls_secret: str) -> Blocked | None:
    """Returns why a certificate does not fit a plain http address."""
    if not tls_secret or external_url.startswith("https:"):
        return None
    return Blocked(
        Reason.INVALID_SPEC,
        "`spec.expose.tlsSecretName` is set but `spec.externalURL` begins with 'http://': use 'https://', or remove"
        " `spec.expose.tlsSecretName`",
    )


def check_database_address(host: str, *, supports_ipv6: bool) -> Blocked | None:
    """Returns that Harbor would not connect to an IPv6 address: before 2.4 it writes the port behind it as it is."""
    if supports_ipv6 or ":" not in host:
        return None
    return Blocked(
        Reason.VALUES_INVALID,
        f"Harbor before 2.4 cannot connect to '{host}' (`spec.database.host`), because it is an IPv6 address: name the"
        " server by a host name, or use chart version 1.8.0 or newer in `spec.release.version`",
    )


def check_cache_address(addresses: str) -> Blocked | None:
    """Returns that the registry would not start: the chart writes `addr: [fd00::1]:6379`, which is no valid YAML."""
    if not addresses.startswith("["):
        return None
    return Blocked(
        Reason.VALUES_INVALID,
        "the chart writes the first of `spec.cache.addresses` without quotes into the configuration of the registry,"
        f" which cannot read an IPv6 address there ('{addresses}'): name the server by a host name",
    )


def check_features(unsupported_fields: Sequence[str]) -> Blocked | None:
    """Returns which fields of the spec the chart has no values for."""
    if not unsupported_fields:
        return None
    fields = " and ".join(f"`{field}`" for field in unsupported_fields)
    return Blocked(
        Reason.VALUES_INVALID, f"the chart in `spec.release.version` does not support {fields}: use a newer version"
    )


def check_internal_tls(section: object) -> Blocked | None:
    """Returns that the chart would generate the certificates of `internalTLS`; `section` is in the user's values."""
    if not isinstance(section, Mapping) or section.get("enabled") is not True:
        return None
    source = section.get("certSource", "auto")
    if (source.get_secret_value() if isinstance(source, SecretStr) else source) in {"secret", "manual"}:
        return None
    return Blocked(
        Reason.VALUES_INVALID,
        "`internalTLS.enabled` in the chart values, with `internalTLS.certSource` 'auto', makes Harbor use certificates"
        " that expire 365 days after the last Helm run and that no one renews: remove `internalTLS` and set"
        " `spec.internalTLS.enabled`, or set `internalTLS.certSource` to 'secret' and name for each component a Secret"
        " whose certificate is renewed (`internalTLS.core.secretName` and so on)",
    )


def check_ip_families(families: object, expose_type: str, redis_type: str) -> Blocked | None:
    """Returns that Helm cannot render `ipFamily.families`: two templates write the list without a line break."""
    broken = [
        *(["the Service of nginx (`spec.expose.type: clusterIP`)"] if expose_type == "clusterIP" else []),
        *(["the Service of the chart's Redis (no `spec.cache`)"] if redis_type == "internal" else []),
    ]
    if not families or not broken:
        return None
    return Blocked(
        Reason.VALUES_INVALID,
        f"the charts from 1.18 on render invalid YAML for `ipFamily.families` in {' and '.join(broken)}: set only"
        " `ipFamily.policy`, with which Kubernetes uses the order of families of the cluster, or remove the cause",
    )


def failure_reason(stderr: str) -> Reason:
    """Returns whether Helm lacked a right or failed on the release."""
    return Reason.RIGHTS_MISSING if is_forbidden(stderr) else Reason.RELEASE_FAILED
