"""Checks of `spec.storage.driver`: what the chart reads, and what is known before the release."""

from __future__ import annotations

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.api.storage_driver import StorageDriver
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import DRIVER_SPEC, DesiredDriver
from harbor_operator.reasons import Reason


def check_parameters(driver: StorageDriver, minor: int) -> Blocked | None:
    """Returns which parameters charts of this minor do not read, so that they would be without effect."""
    known = chart_keys(minor)
    section = ("persistence", "imageChartStorage", str(driver.name))
    unread = [name for name in driver.parameters if unknown_key((*section, name), known)]
    if not unread:
        return None
    fields = " and ".join(f"`{DRIVER_SPEC}.parameters.{name}`" for name in unread)
    return Blocked(
        Reason.VALUES_INVALID,
        f"charts 1.{minor}.x do not read {fields}: remove the parameter, or use a newer chart in"
        " `spec.release.version`",
    )


def describe_driver(desired: DesiredDriver) -> str:
    """Returns what is known of the storage before the release."""
    login = (
        f"Secret '{desired.secret.name}' contains {' and '.join(desired.keys)}"
        if desired.secret
        else "the registry logs in with the identity of its pod"
    )
    return (
        f"the chart configures driver '{desired.name}' ({desired.place}): {login}. The operator has no client for this"
        " store, so nothing in it is checked"
    )
