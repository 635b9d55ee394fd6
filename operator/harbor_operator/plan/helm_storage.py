"""How Helm stores a release: one Secret per revision, its status in labels, the payload as gzipped JSON."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.model.release import Revision, StoredRelease
from harbor_operator.plan import names
from harbor_operator.plan.values.parsing import LOADER

MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
"""Limit of a decompressed payload; a release of Harbor has about one MiB."""

RESOURCE_POLICY = "helm.sh/resource-policy"

_DOCUMENT_START = re.compile(r"^(?=---)", re.MULTILINE)
_VOLUME_CLAIM = re.compile(r"^kind:\s*[\"']?PersistentVolumeClaim\b", re.MULTILINE)
_NAME = re.compile(r"sh\.helm\.release\.v1\..+\.v(\d+)")
_CHART_DESCRIPTION = re.compile(r"chart (sha256:[0-9a-f]{64})")
_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS


def release_selector(name: str) -> str:
    """Returns the label selector of the Secrets that hold the revisions of a release."""
    return f"owner=helm,name={name}"


def current_selector(name: str) -> str:
    """Returns the label selector of the revisions that are not superseded: a pass reads one of 100 KB, not ten."""
    return f"{release_selector(name)},status!=superseded"


def owned_selector(owner: Mapping[str, str]) -> str:
    """Returns the label selector of the current revisions of every release with these owner labels."""
    return f"owner=helm,{names.label_selector(owner)},status!=superseded"


def workload_selector(name: str) -> str:
    """Returns the label selector of the workloads of a release; every version of the chart sets it."""
    return f"release={name}"


def revision_secret(name: str, number: int) -> str:
    """Returns the name of the Secret that holds a revision."""
    return f"sh.helm.release.v1.{name}.v{number}"


def read_revisions(labelled: Iterable[tuple[str, Mapping[str, str]]]) -> list[Revision]:
    """Returns the revisions behind the release Secrets, oldest first."""
    found = ((_NAME.fullmatch(name), labels) for name, labels in labelled)
    revisions = [
        Revision(
            number=int(match.group(1)),
            status=labels.get("status", ""),
            digest=labels.get(names.VALUES_DIGEST, ""),
            labels=dict(labels),
        )
        for match, labels in found
        if match
    ]
    return sorted(revisions, key=lambda revision: revision.number)


def read_payload(payload: SecretStr) -> StoredRelease:
    """Returns what key `release` of a release Secret contains.

    Raises ValueError or TypeError if it is not Helm's format or too large.
    """
    release = _decode(payload.get_secret_value())
    info, content = _section(release, "info"), _section(release, "chart")
    chart = _section(content, "metadata")
    changed = info.get("last_deployed") or ""
    return StoredRelease(
        chart_version=str(chart.get("version", "")),
        harbor_version=str(chart.get("appVersion", "")),
        config=release.get("config") or {},
        changed_at=_moment(changed) if changed else None,
        description=str(info.get("description", "")),
        chart_digest=_chart_digest(str(info.get("description", ""))),
        chart_name=str(chart.get("name", "")),
        defaults=content.get("values") or {},
    )


def read_manifest(payload: SecretStr) -> str:
    """Returns the manifest in key `release` of a release Secret; ValueError or TypeError if it is not Helm's format."""
    return str(_decode(payload.get_secret_value()).get("manifest", ""))


def chart_description(digest: str) -> str:
    """Returns the description of a revision of the release, by which a later pass knows its chart archive.

    Not a label: Helm copies labels to the revision that another client makes from another chart.
    """
    return f"chart {digest}"


def _chart_digest(description: str) -> str:
    found = _CHART_DESCRIPTION.fullmatch(description)
    return found[1] if found else ""


def unlock_patch(payload: SecretStr) -> dict[str, Any]:
    """Returns the patch that marks a pending release Secret as failed, as `helm` itself would write it."""
    release = _decode(payload.get_secret_value())
    note = "marked as failed: the Helm run that held the lock is gone"
    release["info"] = {**release.get("info", {}), "status": "failed", "description": note}
    return {"metadata": {"labels": {"status": "failed"}}, "data": {"release": _encode(release)}}


def volume_policy_patch(payload: SecretStr, *, keep: bool) -> dict[str, Any] | None:
    """Returns the patch after which `helm uninstall` keeps, or deletes, the release's volumes; None if it does already.

    KeyError, TypeError or ValueError if the payload is not Helm's.
    Helm reads the annotation `helm.sh/resource-policy` in the manifest of the release, not in the live object.
    """
    release = _decode(payload.get_secret_value())
    manifest = str(release.get("manifest", ""))
    changed = "".join(_with_policy(document, keep=keep) for document in _DOCUMENT_START.split(manifest))
    if changed == manifest:
        return None
    return {"data": {"release": _encode({**release, "manifest": changed})}}


def _with_policy(document: str, *, keep: bool) -> str:
    """Returns a document of a manifest; unchanged if it is no volume claim or has the annotation as it must be."""
    if not _VOLUME_CLAIM.search(document):
        return document
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(document, Loader=LOADER)):
            raise ValueError("a volume claim of the release has YAML aliases, which could expand without a bound")
        claim = yaml.load(document, Loader=LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError("a volume claim of the release is not YAML") from error
    metadata = claim["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError("a volume claim of the release has no metadata")
    annotations = dict(metadata.get("annotations") or {})
    if (annotations.get(RESOURCE_POLICY) == "keep") is keep:
        return document
    annotations.pop(RESOURCE_POLICY, None)
    metadata["annotations"] = annotations | ({RESOURCE_POLICY: "keep"} if keep else {})
    return f"---\n{json.dumps(claim)}\n"


def _encode(release: Mapping[str, Any]) -> str:
    """Returns the release as the API server takes it: Helm's base64 of gzip in the base64 of a Secret."""
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))
    return base64.b64encode(packed).decode()


def _section(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key) or {}
    if not isinstance(found, dict):
        raise TypeError("not a release that Helm wrote")
    return found


def _moment(text: str) -> datetime:
    """Returns a time as UTC, with which it can be compared and shown."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("Helm writes each time with its zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is at the edge of the calendar") from None


def _decode(payload: str) -> dict[str, Any]:
    try:
        release = json.loads(_decompress(base64.b64decode(payload)))
    except (ValueError, zlib.error, RecursionError) as error:
        raise ValueError("not a release that Helm wrote") from error
    if not isinstance(release, dict):
        raise TypeError("not a release that Helm wrote")
    return release


def _decompress(packed: bytes) -> bytes:
    """Returns the content of a gzip stream; a few KiB can expand to gigabytes, so the output is bounded."""
    decompressor = zlib.decompressobj(_GZIP_WINDOW_BITS)
    text = decompressor.decompress(packed, MAX_PAYLOAD_BYTES)
    if not decompressor.eof:
        raise ValueError("the gzip stream is incomplete, or larger than a release can be")
    return text
