"""What an answer about pods means; the other codes are tried against a server in test_kube_http.py."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.kube_api import DisruptionBudgetExceeded, classify_error, parse_resource
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

EVICTION = "/api/v1/namespaces/app/pods/x/eviction"


@pytest.mark.parametrize("code", [403, 429])
def test_a_disruption_budget_is_no_request_to_slow_down_and_no_missing_right(code: int) -> None:
    status = {"message": "held", "details": {"causes": [{"reason": "DisruptionBudget"}]}}
    assert classify_error(code, status, parse_resource("POST", EVICTION, {})) == DisruptionBudgetExceeded(code, "held")


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [("GET", "/api/v1/pods", "`list` pods"), ("POST", EVICTION, "`create` pods/eviction 'x' in namespace 'app'")],
)
def test_rights_on_pods_are_in_a_component(method: str, path: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        classify_error(403, {"message": "pods is forbidden: User ..."}, parse_resource(method, path, {}))
    assert caught.value.reason is Reason.RIGHTS_MISSING
    assert words in str(caught.value)
    assert "`kubectl apply -k deploy/components/evict-stuck-pods`" in str(caught.value)
