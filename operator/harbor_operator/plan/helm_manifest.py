"""The objects that a stored release lists: what Helm reads before it changes or deletes them.

Any user who can write Secrets in the namespace controls the text. It is read by events alone: the C loader is recursive
and ends the process on a few ten thousand brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from pydantic import SecretStr

from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ReleaseObject
from harbor_operator.plan.helm_storage import read_manifest
from harbor_operator.plan.values.parsing import LOADER, parse_values

MAX_MANIFEST_CHARACTERS = 4 << 20
MAX_LISTED_OBJECTS = 1000
"""A release of Harbor lists about 40 objects in 200 KB."""

MAX_DEPTH = 64
"""The time of the parser is quadratic in the depth: 17 seconds for 100 KB of brackets."""

MAX_COMPARED_OBJECTS = 200
"""Each costs two requests."""

# They become parts of a URL.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}")
_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_DOCUMENT_START = re.compile(r"^(?=---)", re.MULTILINE)
_FIELDS = {
    ("apiVersion",): "api_version",
    ("kind",): "kind",
    ("metadata", "name"): "name",
    ("metadata", "namespace"): "namespace",
}


def listed_objects(payload: SecretStr, namespace: str) -> tuple[ListedObject, ...]:
    """Returns the objects of the manifest in key `release` of a release Secret, each once.

    `namespace` is the one of objects that name none. Raises KeyError, TypeError or ValueError if the payload is not
    Helm's, or its manifest is larger or deeper than one of Harbor can be. It may take a second: call it in a thread.
    """
    found = dict.fromkeys(listed for document in _documents(payload) if (listed := _parse(document, namespace)))
    if len(found) > MAX_LISTED_OBJECTS:
        raise ValueError("the manifest lists more objects than one of Harbor can")
    return tuple(found)


def release_objects(payload: SecretStr, release: str, namespace: str) -> tuple[ReleaseObject, ...]:
    """Returns the objects of the manifest as Helm applies them, with its marks of ownership.

    Raises and takes as long as `listed_objects`; ValueError also for an object that is larger, or nested deeper, than
    one of Harbor, and for a name that no object can have.
    """
    found: dict[ListedObject, Manifest] = {}
    for document in _documents(payload):
        if listed := _parse(document, namespace):
            if not (
                _KIND.fullmatch(listed.kind) and _NAME.fullmatch(listed.name) and _NAME.fullmatch(listed.namespace)
            ):
                raise ValueError("the manifest contains a name that no object can have")
            parsed = parse_values(listed.kind, document, secret=False)
            if isinstance(parsed, Blocked):
                raise ValueError(parsed.message)
            found[listed] = _with_marks(parsed.tree, release, namespace)
    if len(found) > MAX_COMPARED_OBJECTS:
        raise ValueError("the manifest contains more objects than one of Harbor can")
    return tuple(ReleaseObject(listed, manifest) for listed, manifest in found.items())


def _documents(payload: SecretStr) -> list[str]:
    manifest = read_manifest(payload)
    if len(manifest) > MAX_MANIFEST_CHARACTERS:
        raise ValueError("the manifest is larger than one of Harbor can be")
    return _DOCUMENT_START.split(manifest)


def _with_marks(manifest: Manifest, release: str, namespace: str) -> Manifest:
    """Returns the object as Helm sends it; without the marks, its next run refuses the object as another client's.

    Source: `setMetadataVisitor` in pkg/action/validate.go of Helm.
    """
    metadata = manifest["metadata"]
    if not isinstance(metadata, dict):  # a second `metadata` in the document
        raise ValueError("the manifest contains an object without metadata")  # noqa: TRY004 - the text is wrong
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    annotations = {**(metadata.get("annotations") or {}), **marks}
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def _parse(document: str, namespace: str) -> ListedObject | None:
    try:
        values = {_FIELDS[path]: value for path, value in _scalars(document) if path in _FIELDS}
    except yaml.YAMLError:
        return None  # Helm fails on it by itself
    if not {"api_version", "kind", "name"} <= values.keys() or not _API_VERSION.fullmatch(values["api_version"]):
        return None
    return ListedObject(**{"namespace": namespace, **{field: value for field, value in values.items() if value}})


def _scalars(document: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields the scalar values in mappings of mappings, with the keys that lead to them."""
    # One entry for each open collection: the key whose value comes next, None before a key and in a sequence.
    keys: list[str | None] = []
    in_mapping: list[bool] = []
    for event in yaml.parse(document, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("a manifest of Helm has no YAML aliases")  # noqa: TRY004 - the text is wrong, not a type
        if isinstance(event, yaml.CollectionStartEvent):
            keys.append(None)
            in_mapping.append(isinstance(event, yaml.MappingStartEvent))
            if len(keys) > MAX_DEPTH:
                raise ValueError("the manifest is nested deeper than one of Harbor can be")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
            in_mapping.pop()
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        elif in_mapping and in_mapping[-1] and keys[-1] is None:
            keys[-1] = event.value
            continue
        elif all(in_mapping):
            yield tuple(key or "" for key in keys), event.value
        if keys:
            keys[-1] = None
