"""A quota and an admission policy that deny the pull Secret in one namespace, on a real API server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_denials import AdmissionDenied
from harbor_operator.injector.injector import Injector
from harbor_operator.model.outcomes import NamespaceFailure
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from tests.contract.injection import (
    create,
    is_injected,
    remove,
    run_injector,
    running,
    secret,
    selected_injection,
    until,
    until_server_answers,
)
from tests.unit.injector.fixture import CLAIM, NAME

pytestmark = pytest.mark.lab

POLICY = "need-team"


def failures(injector: Injector) -> tuple[NamespaceFailure, ...]:
    facts = injector.read(CLAIM)
    return facts.failures if facts else ()


def is_denied(injector: Injector, reason: Reason, *texts: str) -> Callable[[], bool]:
    """Whether one namespace fails for this reason, with a message that contains these texts."""

    def check() -> bool:
        found = failures(injector)
        return (
            len(found) == 1
            and found[0].reason is reason
            and all(text in found[0].message for text in (*texts, f"namespace '{found[0].namespace}'"))
        )

    return check


@pytest.fixture
def team_policy(plane: ControlPlane) -> Iterator[None]:
    """A policy that requires the label `team` of every Secret in one namespace."""
    api = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    constraints = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-policy"}},
        "resourceRules": [rule],
    }
    validation = {"expression": "'team' in object.metadata.labels", "message": "every Secret needs the label team"}
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": constraints,
        "validations": [validation],
    }
    binding = {"policyName": POLICY, "validationActions": ["Deny"]}
    plane.apply(
        {**api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": POLICY}, "spec": spec},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": POLICY}, "spec": binding},
    )
    yield
    plane.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", POLICY, "--ignore-not-found")


async def test_a_policy_affects_only_its_namespace_and_is_named(
    plane: ControlPlane, http: KubernetesClient, team_policy: None
) -> None:
    """Finding R14."""
    await create(http, "team-policy")
    await until_enforced(http)
    async with run_injector(plane) as running_injector:
        injector = running_injector.injector
        injector.declare(selected_injection())
        texts = (f"ValidatingAdmissionPolicy '{POLICY}'", "every Secret needs the label team")
        await until(is_denied(injector, Reason.ADMISSION_DENIED, *texts))
        await create(http, "beside-policy")
        await until(lambda: (facts := injector.read(CLAIM)) is not None and (facts.ready, facts.failed) == (1, 1))
        plane.kubectl("delete", "validatingadmissionpolicybinding", POLICY)
        await until(is_injected(injector, 2))
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    await remove(http, "team-policy", "beside-policy")


async def until_enforced(http: KubernetesClient) -> None:
    """Returns once the API server has loaded the policy."""
    manifest = {"metadata": {"name": "trial", "labels": {}}}
    path = "/api/v1/namespaces/team-policy/secrets?dryRun=All"

    async def attempt() -> bool:
        try:
            await http.request("POST", path, body=RequestBody.plain(manifest))
        except AdmissionDenied:
            return True
        return False

    await until_server_answers(attempt, wanted=True)


async def test_a_quota_affects_only_its_namespace_and_is_retried(plane: ControlPlane, http: KubernetesClient) -> None:
    """Finding R14: the Secret of a namespace is deleted after a quota was set that does not allow it again."""
    async with running(plane) as injector:
        injector.declare(selected_injection())
        await create(http, "team-quota", "beside-quota")
        await until(is_injected(injector, 2))
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight", "namespace": "team-quota"}}
        plane.apply({**quota, "spec": {"hard": {"secrets": "0"}}})
        plane.kubectl("-n", "team-quota", "wait", "quota/tight", "--for=jsonpath={.status.hard.secrets}=0")
        await http.request("DELETE", f"/api/v1/namespaces/team-quota/secrets/{NAME}")
        await until(is_denied(injector, Reason.NAMESPACE_QUOTA_EXCEEDED, "ResourceQuota 'tight'", "exceeded quota"))
        facts = injector.read(CLAIM)
        assert facts is not None
        assert (facts.ready, facts.failed) == (1, 1)
        plane.apply({**quota, "spec": {"hard": {"secrets": "9"}}})
        await until(is_injected(injector, 2))
        assert not isinstance(await secret(http, "team-quota"), ApiError)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    await remove(http, "team-quota", "beside-quota")
