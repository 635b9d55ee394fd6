"""More hosts in the pull Secret: other names of this Harbor, and other registries."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_secrets_fixture import INJECTED, PullSecretsFixture, registry


def section(*hosts: str, **more: Any) -> dict[str, Any]:
    others = [{"host": host, "secretRef": {"name": "other"}} for host in hosts]
    return {"credential": {"robot": {}}, "additionalCredentials": others, **more}


@pytest.fixture
def fixture() -> PullSecretsFixture:
    made = PullSecretsFixture()
    made.kube.put("intra", "other", {"username": "reader", "password": "Other-pass-1"})
    return made


def usernames(fixture: PullSecretsFixture) -> dict[str, str]:
    return {host: entry["username"] for host, entry in fixture.logins.items()}


async def test_other_registries_are_in_the_same_secret(fixture: PullSecretsFixture) -> None:
    """Finding F14."""
    outcome = await fixture.step.reconcile(registry(section("quay.io", extraHosts=["cr.internal"])))
    assert isinstance(outcome, Done)
    robot = fixture.login["username"]
    assert usernames(fixture) == {"cr.example.com": robot, "cr.internal": robot, "quay.io": "reader"}


async def test_they_are_in_it_while_harbor_is_unreachable(fixture: PullSecretsFixture) -> None:
    """Finding F14."""
    await fixture.step.reconcile(registry(section("quay.io")))
    fixture.injection.desired.clear()
    fixture.injection.progress = None
    fixture.restart()
    await fixture.step.reconcile_degraded(registry(section("quay.io"), status=INJECTED))
    assert usernames(fixture)["quay.io"] == "reader"


@pytest.mark.parametrize("own", ["cr.example.com", "CR.example.com"])
async def test_a_credential_for_this_registry_is_refused(fixture: PullSecretsFixture, own: str) -> None:
    """Finding F14."""
    outcome = await fixture.step.reconcile(registry(section(own)))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.INVALID_SPEC
    assert "`spec.pullSecrets.additionalCredentials`" in outcome.message
    assert fixture.injection.desired == {}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"username": "reader"}, Reason.SECRET_KEY_MISSING),
        ({"username": "a:b", "password": "x"}, Reason.SECRET_INVALID),
        ({"username": "reader", "password": "Other-pass-1\n"}, Reason.SECRET_INVALID),
    ],
)
async def test_a_credential_that_cannot_be_used_is_named(
    fixture: PullSecretsFixture, values: dict[str, str], reason: Reason
) -> None:
    """Finding F14."""
    fixture.kube.put("intra", "other", values)
    with pytest.raises(Refused, match=r"`spec.pullSecrets.additionalCredentials\[0\].secretRef`") as caught:
        await fixture.step.reconcile(registry(section("quay.io")))
    assert caught.value.reason is reason
    assert "Other-pass-1" not in str(caught.value)


async def test_pods_with_images_of_another_host_name_are_evicted(fixture: PullSecretsFixture) -> None:
    """Finding F14."""
    await fixture.step.reconcile(registry(section(extraHosts=["cr.internal"], stuckPods="Evict")))
    (policy,) = fixture.stuck_pods.desired.values()
    assert policy.serves("cr.internal")
    assert policy.serves("cr.example.com")
    assert not policy.serves("quay.io")
