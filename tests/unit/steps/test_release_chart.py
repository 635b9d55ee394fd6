"""The chart of a release: its digest, and the login and authority of its source."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.checks.chart_sources import chart_not_obtained, check_chart_digest
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import CR_CA, READY, ReleaseFixture

HUB_CACHE: dict[str, Any] = {
    "registries": [{"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"}],
    "projects": [{"name": "a", "proxyCache": "hub"}],
}

DIGEST = f"sha256:{'a' * 64}"
PRIVATE = {
    "version": "1.19.1",
    "digest": DIGEST,
    "repositorySecretRef": {"name": "charts"},
    "repositoryCASecretRef": {"name": "charts-ca"},
}


@pytest.fixture
def cr() -> ReleaseFixture:
    fixture = ReleaseFixture()
    login(fixture, "first-password")
    fixture.kube.put(NAMESPACE, "charts-ca", {"ca.crt": CR_CA})
    fixture.spec(release=PRIVATE)
    return fixture


def login(cr: ReleaseFixture, password: str, username: str = "ci") -> None:
    cr.kube.put(NAMESPACE, "charts", {"username": username, "password": password})


async def test_helm_gets_digest_login_and_authority(cr: ReleaseFixture) -> None:
    """Findings S8 and F8."""
    desired = await cr.desired()
    assert desired.chart_digest == DIGEST
    assert desired.repository_access.ca == CR_CA
    assert desired.repository_access.login
    assert desired.repository_access.login.username == "ci"
    assert desired.repository_access.login.password in desired.secrets
    assert "first-password" not in repr(desired)


async def test_another_archive_is_blocked_with_both_digests_and_tried_again_later(cr: ReleaseFixture) -> None:
    """Finding S8."""
    await cr.reconcile()
    cr.finish(cause=check_chart_digest("'https://x'", DIGEST, f"sha256:{'b' * 64}"))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CHART_DIGEST_MISMATCH
    assert f"'{DIGEST}'" in outcome.message
    assert f"'sha256:{'b' * 64}'" in outcome.message
    assert len(cr.helm.started) == 1
    cr.now += timedelta(seconds=11)
    await cr.reconcile()
    assert len(cr.helm.started) == 2


async def test_a_corrected_login_is_tried_at_once(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.finish(cause=chart_not_obtained("'https://x'", "401 Unauthorized"))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CHART_UNAVAILABLE
    login(cr, "second-password")
    await cr.reconcile()
    assert len(cr.helm.started) == 2


async def test_the_digest_of_the_deployed_archive_is_in_the_status(cr: ReleaseFixture) -> None:
    cr.helm.archive_digest = DIGEST
    await cr.reconcile()
    cr.finish()
    cr.workloads(*READY)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.facts.chart_digest == DIGEST


async def test_a_new_password_upgrades_nothing_and_a_new_digest_does(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.finish()
    cr.workloads(*READY)
    login(cr, "second-password")
    assert isinstance(await cr.reconcile(), Done)
    cr.spec(release={**PRIVATE, "digest": f"sha256:{'b' * 64}"})
    assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING


async def test_a_release_without_a_digest_is_not_upgraded_for_the_field(cr: ReleaseFixture) -> None:
    cr.spec(release={"version": "1.19.1"})
    without = (await cr.desired()).digest
    cr.spec(release={"version": "1.19.1", "repositorySecretRef": {"name": "charts"}})
    assert (await cr.desired()).digest == without


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (None, Reason.SECRET_MISSING, "`spec.release.repositorySecretRef`"),
        ({"username": "ci"}, Reason.SECRET_KEY_MISSING, "'password'"),
        ({"username": "ci", "password": "first-password\n"}, Reason.SECRET_INVALID, "line break"),
        ({"username": "a:b", "password": "first-password"}, Reason.SECRET_INVALID, "a colon"),
    ],
)
async def test_a_wrong_secret_is_named(
    cr: ReleaseFixture, content: dict[str, str] | None, reason: Reason, words: str
) -> None:
    del cr.kube.secrets[NAMESPACE, "charts"]
    if content is not None:
        cr.kube.put(NAMESPACE, "charts", content)
    with pytest.raises(Refused, match=words) as caught:
        await cr.reconcile()
    assert caught.value.reason is reason
    assert "first-password" not in str(caught.value)


@pytest.mark.parametrize("ref", ["repositorySecretRef", "repositoryCASecretRef"])
def test_a_login_for_a_path_is_refused(cr: ReleaseFixture, ref: str) -> None:
    release: dict[str, Any] = {"version": "1.19.1", ref: {"name": "charts"}}
    for chart in ("harbor", "oci://registry.example.com/charts/harbor"):
        cr.spec(release={**release, "chart": chart})
    with pytest.raises(ValueError, match="are for a chart of a repository or an OCI registry"):
        cr.spec(release={**release, "chart": "/charts/harbor"})


async def test_a_defective_chart_is_not_installed_for_a_cache_of_docker_hub(cr: ReleaseFixture) -> None:
    cr.spec("1.19.0", **HUB_CACHE)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CHART_VERSION_REFUSED
    assert cr.helm.started == []


async def test_no_upgrade_begins_to_a_defective_chart_for_a_cache_of_docker_hub(cr: ReleaseFixture) -> None:
    cr.spec("1.18.4")
    await cr.deployed()
    cr.spec(release={"version": "1.19.0", "allowUpgradeTo": "1.19.0"}, **HUB_CACHE)
    cr.backup(cr.now + timedelta(seconds=1))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CHART_VERSION_REFUSED
    assert len(cr.helm.started) == 1


async def test_a_defective_chart_that_runs_is_a_warning_for_a_cache_of_docker_hub(cr: ReleaseFixture) -> None:
    cr.spec("1.19.0")
    await cr.deployed()
    assert (await cr.reconcile()).warnings == ()
    cr.spec("1.19.0", **HUB_CACHE)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.CHART_VERSION_REFUSED]
    # Other values of the same chart are upgraded.
    cr.spec(release={"version": "1.19.0", "values": {"logLevel": "debug"}}, **HUB_CACHE)
    assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING
