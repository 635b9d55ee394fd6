"""Which denials of a write come from a ResourceQuota, an admission policy or webhook, or an authorizer; pure.

The API server has one status code for missing rights, quotas and most webhooks (403), and only its message says which
of them it is. A policy or webhook may answer with almost any other code.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from harbor_operator.checks.denials import (
    explain_broken_webhook,
    explain_plugin,
    explain_policy,
    explain_quota,
    explain_webhook,
)
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

MAX_QUOTED_CHARACTERS = 300
MIN_LEAKED_CHARACTERS = 8
"""A message with so many consecutive characters of a sent Secret is not shown. Harbor accepts no shorter secret."""

_QUOTA = re.compile(r"is forbidden: ((?:exceeded|failed|status unknown for) quota: ([^,:\s]+).*)", re.DOTALL)
_POLICY = re.compile(
    r"((?:Validating|Mutating)AdmissionPolicy) '([^']+)' with binding '[^']*' denied request: (.*)", re.DOTALL
)
_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request(?:: | )?(.*)', re.DOTALL)
_BROKEN_WEBHOOK = re.compile(r'failed calling webhook "([^"]+)": (.*)', re.DOTALL)
# An authorizer says which user lacks which right; every other 403 about an object comes from an admission plugin.
_PLUGIN = re.compile(r"is forbidden: (?!User )(.+)", re.DOTALL)


class Forbidden(Refused):
    """No authorizer allows the request: RBAC has no rule for it, or another authorizer denies it."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.RIGHTS_MISSING, message)


class QuotaExceeded(Refused):
    """A ResourceQuota of the namespace does not allow the object."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.NAMESPACE_QUOTA_EXCEEDED, message)


class AdmissionDenied(Refused):
    """An admission policy or webhook denied the write, or a webhook that must agree did not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.ADMISSION_DENIED, message)


def denial_of(
    code: int, status: Mapping[str, Any], what: str, sent: bytes = b""
) -> QuotaExceeded | AdmissionDenied | None:
    """Returns why admission denied a write; None for every other answer.

    `what` describes the request. `sent` is its body if that contains secrets: a message that quotes one is not shown.
    """
    text = str(status.get("message", ""))
    if found := _POLICY.search(text):
        return AdmissionDenied(explain_policy(found[1], found[2], what, _quoted(found[3], sent)))
    if found := _WEBHOOK.search(text):
        return AdmissionDenied(explain_webhook(found[1], what, _quoted(found[2], sent)))
    if found := _BROKEN_WEBHOOK.search(text):
        return AdmissionDenied(explain_broken_webhook(found[1], what, _quoted(found[2], sent)))
    if code != HTTPStatus.FORBIDDEN or (status.get("details") or {}).get("causes"):
        return None  # the causes say that the namespace is terminating, or that a disruption budget is exceeded
    if found := _QUOTA.search(text):
        return QuotaExceeded(explain_quota(found[2], what, _quoted(found[1], sent)))
    found = _PLUGIN.search(text)
    return AdmissionDenied(explain_plugin(what, _quoted(found[1], sent))) if found else None


def _quoted(text: str, sent: bytes) -> str:
    shown = text.strip()[:MAX_QUOTED_CHARACTERS]
    if any(_leaks(value, shown) for value in _secret_texts(sent)):
        return "(the message is not shown, because it quotes the Secret)"
    return shown


def _leaks(value: str, message: str) -> bool:
    windows = range(len(value) - MIN_LEAKED_CHARACTERS + 1)
    return any(value[start : start + MIN_LEAKED_CHARACTERS] in message for start in windows)


def _secret_texts(sent: bytes) -> Iterator[str]:
    """Yields each value of a Secret, as it is encoded and as it is; of JSON, each string in it."""
    if not sent:
        return
    secret = msgspec.json.decode(sent)
    for encoded in (*(secret.get("data") or {}).values(), *(secret.get("stringData") or {}).values()):
        yield str(encoded)
        try:
            value = base64.b64decode(str(encoded)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        try:
            yield from _strings(msgspec.json.decode(value))
        except msgspec.DecodeError:
            yield value


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value
