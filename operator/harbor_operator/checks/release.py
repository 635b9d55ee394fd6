"""Judgements about a Helm release: may this chart version be installed over what is there, and why did Helm fail."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harbor_operator.checks.release_rights import is_forbidden
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

_UPGRADE_STEP = 2
_RESTORE = "restore the databases from a backup of that version if you need it"

# Versions that are known to be bad for everybody, and why.
_DENIED = {"1.19.3": "its own release notes say to skip it; use 1.19.2 or 1.19.4"}
# Versions that are bad behind plain http only (goharbor/harbor#22010).
_DENIED_OVER_HTTP = {"1.16.3": "nobody can log in to its portal over plain http; use 1.16.2 or 1.16.4"}

_CHART_TROUBLE = re.compile(
    r"failed to (?:download|fetch|pull|perform)|not a valid chart repository|no such host|could not find|not found in"
    r"|no chart (?:name|version) found|failed to load|chart .{0,80}not found|Chart\.yaml",
    re.IGNORECASE,
)


def unknown_chart(version: str, *, swift: bool) -> Blocked:
    """Returns the refusal of a chart nobody has looked at; with Swift it could lose the driver and the images."""
    if swift:
        return Blocked(
            Reason.SWIFT_UNSUPPORTED,
            f"chart version '{version}' in `spec.release.version` is not known to ship the Swift driver, which newer"
            " versions of Harbor drop: stay on charts 1.2 to 1.19, or move the images off Swift first",
        )
    return Blocked(
        Reason.CHART_VERSION_UNKNOWN,
        f"chart version '{version}' in `spec.release.version` is not one this operator knows (1.2 to 1.19): use one of"
        " them, or a newer operator",
    )


def check_chart(version: str, external_url: str) -> Blocked | None:
    """Returns why this chart version is not installed at all, whatever is there already."""
    why = _DENIED.get(version) or (_DENIED_OVER_HTTP.get(version) if external_url.startswith("http:") else None)
    if why is None:
        return None
    return Blocked(
        Reason.CHART_VERSION_REFUSED, f"chart version '{version}' in `spec.release.version` is refused: {why}"
    )


def check_upgrade(installed: str, wanted: str) -> Blocked | None:
    """Returns why the wanted chart version must not follow the installed one."""
    old, new = _numbers(installed), _numbers(wanted)
    if new < old:
        return Blocked(
            Reason.UPGRADE_REFUSED,
            f"chart '{wanted}' is older than '{installed}', which was installed before, and Harbor's database never"
            f" goes back: set `spec.release.version` to '{installed}' or newer; {_RESTORE}",
        )
    if new[0] != old[0] or new[1] - old[1] > _UPGRADE_STEP:
        step = f"{old[0]}.{old[1] + _UPGRADE_STEP}"
        return Blocked(
            Reason.UPGRADE_REFUSED,
            f"from chart '{installed}' to '{wanted}' is more than two Harbor minors, which Harbor's migrations do not"
            f" cover: set `spec.release.version` to a {step}.x first",
        )
    return None


def check_storage_type(installed: str, wanted: str) -> Blocked | None:
    """Returns why images written with one driver are not handed to another."""
    if installed == wanted:
        return None
    return Blocked(
        Reason.STORAGE_TYPE_CHANGED,
        f"the release stores images with '{installed}' and `spec.storage` now says '{wanted}': the other driver would"
        f" answer with empty layers; set it back to '{installed}', or replicate into a second registry",
    )


def foreign_release(name: str, namespace: str) -> Blocked:
    """Returns the refusal to touch a release that was not made for this registry."""
    return Blocked(
        Reason.RELEASE_FOREIGN,
        f"Helm release '{name}' in namespace '{namespace}' was not made for this registry: uninstall it if"
        " nobody needs it, or leave `spec.release` out and let its owner run Harbor, or make the registry anew with"
        " another `spec.release.name`",
    )


def check_tls(external_url: str, tls_secret: str) -> Blocked | None:
    """Returns why a certificate cannot go with a plain http address."""
    if not tls_secret or external_url.startswith("https:"):
        return None
    return Blocked(
        Reason.INVALID_SPEC,
        "`spec.expose.tlsSecretName` is set but `spec.externalURL` begins with 'http://': make it 'https://', or leave"
        " the Secret out",
    )


def check_cache_features(*, too_old: Iterable[str]) -> Blocked | None:
    """Returns why the chart cannot reach such a Redis; `too_old` are the fields its era does not know."""
    fields = " and ".join(f"`{field}`" for field in too_old)
    if not fields:
        return None
    return Blocked(
        Reason.VALUES_INVALID, f"the chart in `spec.release.version` is too old for {fields}: use a newer one"
    )


def failure_reason(stderr: str) -> Reason:
    """Returns whether Helm failed for lack of rights, for lack of the chart, or at the release itself."""
    if is_forbidden(stderr):
        return Reason.RIGHTS_MISSING
    return Reason.CHART_UNAVAILABLE if _CHART_TROUBLE.search(stderr) else Reason.RELEASE_FAILED


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple([*found, 0, 0, 0][:3])
