"""The messages are those of a real API server 1.37; tests/contract/test_denials.py obtains them again."""

from __future__ import annotations

import base64
import json

import pytest

from harbor_operator.adapters.kube_api import ApiRequest, RequestBody, ResourceRef, classify_error
from harbor_operator.adapters.kube_denials import AdmissionDenied, Forbidden, QuotaExceeded
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

PASSWORD = "Hidden-from-logs-1"
CONFIG = json.dumps({"auths": {"cr.example.com": {"username": "puller", "password": PASSWORD}}})
BODY = RequestBody.apply({"data": {".dockerconfigjson": base64.b64encode(CONFIG.encode()).decode()}})
SECRET = ApiRequest("patch", ResourceRef("v1", "secrets", "app", "harbor-pull"), body=BODY)
ACCOUNT = ApiRequest("patch", ResourceRef("v1", "serviceaccounts", "app", "default"))
QUOTA = (
    'secrets "harbor-pull" is forbidden: exceeded quota: tight, requested: secrets=1, used: secrets=3, '
    "limited: secrets=0"
)
POLICY = (
    "secrets \"harbor-pull\" is forbidden: ValidatingAdmissionPolicy 'need-team' with binding 'bound' denied request: "
    "every Secret needs the label team"
)
WEBHOOK = 'admission webhook "check.example.com" denied the request: no label team'
BROKEN = (
    'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post '
    '"https://check.example.com:443/?timeout=10s": dial tcp: connection refused'
)
RBAC = (
    'secrets "harbor-pull" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "secrets" in API group '
    '"" in the namespace "app"'
)


def refusal(code: int, message: str, request: ApiRequest = SECRET) -> Refused:
    with pytest.raises(Refused) as caught:
        classify_error(code, {"message": message}, request)
    return caught.value


@pytest.mark.parametrize(
    ("code", "message", "kind", "named"),
    [
        (403, QUOTA, QuotaExceeded, "ResourceQuota 'tight'"),
        (403, 'secrets "x" is forbidden: failed quota: tight: must specify a', QuotaExceeded, "ResourceQuota 'tight'"),
        (422, POLICY, AdmissionDenied, "ValidatingAdmissionPolicy 'need-team'"),
        (403, POLICY, AdmissionDenied, "ValidatingAdmissionPolicy 'need-team'"),
        (403, WEBHOOK, AdmissionDenied, "admission webhook 'check.example.com'"),
        (409, WEBHOOK, AdmissionDenied, "admission webhook 'check.example.com'"),
        (429, WEBHOOK, AdmissionDenied, "admission webhook 'check.example.com'"),
        (500, BROKEN, AdmissionDenied, "admission webhook 'check.example.com'"),
        (403, 'secrets "harbor-pull" is forbidden: not today', AdmissionDenied, "not today"),
    ],
)
def test_the_denial_names_quota_policy_or_webhook(code: int, message: str, kind: type[Refused], named: str) -> None:
    """Finding R14."""
    denied = refusal(code, message)
    assert isinstance(denied, kind)
    assert named in str(denied)
    assert "in namespace 'app'" in str(denied)


def test_the_message_of_a_denial_is_shown() -> None:
    """Finding R14."""
    assert "every Secret needs the label team" in str(refusal(422, POLICY))
    assert "no label team" in str(refusal(403, WEBHOOK, ACCOUNT))


@pytest.mark.parametrize("quoted", [PASSWORD, PASSWORD[:10], CONFIG, base64.b64encode(CONFIG.encode()).decode()[4:40]])
def test_a_message_that_quotes_the_secret_is_not_shown(quoted: str) -> None:
    """Finding R14: the author of a policy decides what its message contains."""
    denied = refusal(403, f"{WEBHOOK} {quoted}")
    assert quoted not in str(denied)
    assert "'check.example.com'" in str(denied)


def test_a_message_that_quotes_the_plain_text_of_a_secret_is_not_shown() -> None:
    body = RequestBody.apply({"stringData": {"password": PASSWORD}})
    denied = refusal(403, f"{WEBHOOK} {PASSWORD}", ApiRequest("patch", SECRET.ref, body=body))
    assert PASSWORD not in str(denied)


def test_a_missing_right_is_no_denial_of_admission() -> None:
    """Finding R14."""
    assert isinstance(refusal(403, RBAC), Forbidden)
    assert refusal(403, RBAC).reason is Reason.RIGHTS_MISSING
    assert isinstance(refusal(403, ""), Forbidden)


def test_a_read_is_never_denied_by_admission() -> None:
    """Finding R14."""
    assert isinstance(refusal(403, WEBHOOK, ApiRequest("get", SECRET.ref)), Forbidden)
