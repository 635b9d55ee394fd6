"""A request for a reconciliation at once: an annotation of the HarborRegistry, never a change of its spec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harbor_operator.api.kind import GROUP
from harbor_operator.api.request_annotations import read_request

RECONCILE_REQUESTED_AT = f"{GROUP}/reconcile-requested-at"
FLUX_REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
"""The annotation of Flux for the same purpose: `ReconcileRequestAnnotation` of github.com/fluxcd/pkg/apis/meta."""


def reconcile_request(metadata: Mapping[str, Any]) -> str:
    """Returns the value of the newest request in an object's metadata, or an empty string without a request.

    Any value that differs from the previous one is a request. Clients write a time (RFC 3339 or seconds since 1970): if
    both annotations exist, the later time is the request, and any other value counts as earlier than a time.
    """
    annotations = metadata.get("annotations") or {}
    values = [read_request(annotations, key) for key in (RECONCILE_REQUESTED_AT, FLUX_REQUESTED_AT)]
    return max(filter(None, values), key=_seconds, default="")


def _seconds(value: str) -> float:
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return -math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
