"""What an update must not change, as the CEL rules with `oldSelf` say; the API server proves that both agree."""

from __future__ import annotations

from typing import Any

from harbor_operator.api.storage_driver import LOCATION
from tests.campaign.model import find
from tests.campaign.schema import Spec

_DEFAULTS = {("swift", "container"): "harbor", ("s3", "bucket"): "harbor"}


def is_possible(old: Spec, new: Spec) -> bool:
    """Whether no rule about the old and the new spec forbids the update; both specs are valid."""
    before, after = old.get("storage"), new.get("storage")
    if before and not after:
        return False
    if old.get("database") and not new.get("database") and new.get("release"):
        return False
    if old.get("release") and new.get("release") and _text(old, "release", "name") != _text(new, "release", "name"):
        return False
    return not (before and after) or _is_same_storage(before, after)


def _is_same_storage(old: Spec, new: Spec) -> bool:
    if "swift" in old and "swift" in new and _name(old, "swift", "container") != _name(new, "swift", "container"):
        return False
    if "driver" in old and "driver" in new and _driver_location(old) != _driver_location(new):
        return False
    kinds = [{kind for kind in ("swift", "s3", "driver") if kind in storage} for storage in (old, new)]
    same_bucket = not ("s3" in old and "s3" in new) or _bucket(old) == _bucket(new)
    return (kinds[0] == kinds[1] and same_bucket) or _is_migrated(old, new) or _is_migrated(new, old)


def _is_migrated(source: Spec, target: Spec) -> bool:
    """Whether `target` uses the bucket to which `source` migrates."""
    to = find(source, ("migration", "to"))
    return bool(to and "s3" in target and _bucket(target) == _bucket(to))


def _bucket(storage: Spec) -> tuple[str, str]:
    return _name(storage, "s3", "bucket"), _text(storage, "s3", "rootDirectory")


def _driver_location(storage: Spec) -> list[Any]:
    return [storage["driver"]["name"], *(_text(storage, "driver", "parameters", key) for key in LOCATION)]


def _name(storage: Spec, kind: str, field: str) -> str:
    return _text(storage, kind, field) or _DEFAULTS[kind, field]


def _text(spec: Spec, *steps: str) -> str:
    return str(find(spec, steps) or "")
