"""URLs of requests and the meaning of answers; the other codes are tried against a server in test_kube_client.py."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.kube_api import (
    ApiRequest,
    DisruptionBudgetExceeded,
    ResourceRef,
    build_url,
    classify_error,
)
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

EVICTION = ApiRequest("create", ResourceRef("v1", "pods", "app", "x", "eviction"))


@pytest.mark.parametrize("code", [403, 429])
def test_a_disruption_budget_is_no_request_to_slow_down_and_no_missing_right(code: int) -> None:
    status = {"message": "held", "details": {"causes": [{"reason": "DisruptionBudget"}]}}
    assert classify_error(code, status, EVICTION) == DisruptionBudgetExceeded(code, "held")


@pytest.mark.parametrize(
    ("request_", "description"),
    [
        (ApiRequest("list", ResourceRef("v1", "pods")), "`list` pods"),
        (EVICTION, "`create` pods/eviction 'x' in namespace 'app'"),
    ],
)
def test_rights_on_pods_are_in_a_component(request_: ApiRequest, description: str) -> None:
    with pytest.raises(Refused) as caught:
        classify_error(403, {"message": "pods is forbidden: User ..."}, request_)
    assert caught.value.reason is Reason.RIGHTS_MISSING
    assert description in str(caught.value)
    assert "`kubectl apply -k deploy/components/evict-stuck-pods`" in str(caught.value)


@pytest.mark.parametrize(
    ("verb", "ref", "url", "description"),
    [
        ("get", ResourceRef("v1", "namespaces", name="app"), "/api/v1/namespaces/app", "`get` namespaces 'app'"),
        (
            "list",
            ResourceRef("v1", "secrets", name="x"),
            "/api/v1/secrets?fieldSelector=metadata.name%3Dx",
            "`list` secrets 'x'",
        ),
        ("watch", ResourceRef("v1", "secrets"), "/api/v1/secrets?watch=1", "`watch` secrets"),
        (
            "create",
            ResourceRef("apps/v1", "deployments", "app"),
            "/apis/apps/v1/namespaces/app/deployments",
            "`create` deployments in namespace 'app'",
        ),
        (
            "create",
            ResourceRef("v1", "pods", "app", "x", "eviction"),
            "/api/v1/namespaces/app/pods/x/eviction",
            "`create` pods/eviction 'x' in namespace 'app'",
        ),
        (
            "create",
            ResourceRef("coordination.k8s.io/v1", "leases", "app", "leader"),
            "/apis/coordination.k8s.io/v1/namespaces/app/leases",
            "`create` leases 'leader' in namespace 'app'",
        ),
        (
            "patch",
            ResourceRef("harbor-operator.io/v1alpha1", "harborregistries", "app", "cr", "status"),
            "/apis/harbor-operator.io/v1alpha1/namespaces/app/harborregistries/cr/status",
            "`patch` harborregistries/status 'cr' in namespace 'app'",
        ),
        ("get", ResourceRef("apps/v1", ""), "/apis/apps/v1", "`get` apps/v1"),
    ],
)
def test_a_reference_becomes_a_url_and_a_description(verb: str, ref: ResourceRef, url: str, description: str) -> None:
    request = ApiRequest(verb, ref)
    assert build_url(request) == url
    assert request.describe() == description


@pytest.mark.parametrize(
    ("ref", "counted"),
    [
        (ResourceRef("v1", "secrets", "team-a", "x"), "secrets"),
        (ResourceRef("v1", "pods", "team-a", "x", "eviction"), "pods/eviction"),
        (ResourceRef("apps/v1", ""), "discovery"),
    ],
)
def test_a_metric_names_every_resource(ref: ResourceRef, counted: str) -> None:
    assert ref.counted_resource == counted
