"""How the live objects of a release differ from what Helm applied, and what to apply again.

An object differs if Helm, applying it again, would change it. The API server answers that by a dry run, so that
defaults, admission, and fields that another client has added do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.release_drift import DriftedObject, ObservedObject, ReleaseObject

_VOLUME = "PersistentVolumeClaim"
# What the API server writes itself, in a dry run as well.
_SERVER_FIELDS = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def find_drift(observed: ObservedObject) -> DriftedObject | None:
    """Returns how the object differs from what Helm applied; None if it does not, or could not be compared.

    Replicas that another client sets through the scale subresource, as an autoscaler does, are left to it.
    """
    desired, live, applied = observed.desired, observed.live, observed.applied
    if observed.error:
        return None
    if live is None or applied is None:
        # An empty volume in the place of a lost one would look like a Harbor that has lost its data.
        return DriftedObject(desired.listed, repair=None if desired.listed.kind == _VOLUME else desired)
    if is_scaled_by_other(live):
        desired = ReleaseObject(desired.listed, _without_replicas(desired.manifest))
        live, applied = _without_replicas(live), _without_replicas(applied)
    fields = sorted(_differences(_comparable(live), _comparable(applied)))
    return DriftedObject(desired.listed, tuple(fields), desired) if fields else None


def is_scaled_by_other(live: Manifest) -> bool:
    """Whether a client has set the replicas through the scale subresource and still owns that field."""
    return any(
        entry.get("subresource") == "scale" and "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in live["metadata"].get("managedFields") or []
    )


def _without_replicas(manifest: Manifest) -> Manifest:
    spec = {key: value for key, value in (manifest.get("spec") or {}).items() if key != "replicas"}
    return {**manifest, "spec": spec}


def _comparable(stored: Manifest) -> Manifest:
    metadata = {key: value for key, value in stored["metadata"].items() if key not in _SERVER_FIELDS}
    return {**{key: value for key, value in stored.items() if key != "status"}, "metadata": metadata}


def _differences(live: Any, applied: Any, path: str = "") -> Iterator[str]:
    if isinstance(live, Mapping) and isinstance(applied, Mapping):
        for key in {*live, *applied}:
            yield from _differences(live.get(key), applied.get(key), _field(path, key))
    elif isinstance(live, list) and isinstance(applied, list):
        for index, (old, new) in enumerate(zip_longest(live, applied)):
            yield from _differences(old, new, f"{path}[{_item(old, new) or index}]")
    elif live != applied:
        yield path


def _item(live: Any, applied: Any) -> str:
    """Returns the name of an item, such as a container or a variable; empty if it has none."""
    names = {str(item.get("name", "")) for item in (live, applied) if isinstance(item, Mapping)}
    return names.pop() if len(names) == 1 else ""


def _field(path: str, key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{key}]"
