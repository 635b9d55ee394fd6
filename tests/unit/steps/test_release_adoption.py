"""A release that another client installed becomes the registry's, as it is, once the plan is confirmed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Unknown
from harbor_operator.model.release import ListedObject
from harbor_operator.plan import names
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.fakes.installed_release import EXPECTED, KEEPING, MANIFEST, SECRETS, adopting, install
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.release_fixture import READY, ReleaseFixture

REVISION = (NAMESPACE, "sh.helm.release.v1.cr.v1")
PINS = names.generated_secrets(registry())


@pytest.fixture
def cr() -> ReleaseFixture:
    fixture = ReleaseFixture()
    fixture.workloads(*READY)
    return fixture


async def reconcile(cr: ReleaseFixture, plan: str = "", values: dict[str, Any] | None = None, **spec: Any) -> Outcome:
    return await attempt(cr.step.reconcile, adopting(plan, values, **spec))


def refused(outcome: Outcome) -> str:
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is Reason.RELEASE_ADOPTION_REFUSED, outcome
    return outcome.message


def planned(outcome: Outcome) -> str:
    """The identifier in the message of the plan."""
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is Reason.RELEASE_ADOPTION_PLANNED, outcome
    found = re.search(r"`spec\.release\.adoptionPlan` to '([0-9a-f]{8})'", outcome.message)
    assert found, outcome.message
    return found[1]


async def test_the_plan_is_shown_and_nothing_is_written(cr: ReleaseFixture) -> None:
    install(cr)
    before = dict(cr.kube.secrets)
    outcome = await reconcile(cr)
    assert planned(outcome) == planned(await reconcile(cr))
    assert "without a Helm run, without a restart and without a change of its objects" in outcome.message
    assert ", ".join(f"'{name}'" for name in sorted(SECRETS)) in outcome.message
    assert "sets `expose.tls`, `jobservice.jobLoggers`" in outcome.message
    assert not [value for values in SECRETS.values() for value in values.values() if value in outcome.message]
    assert cr.kube.secrets == before
    assert cr.kube.writes == cr.helm.started == []


async def test_the_confirmed_plan_keeps_every_secret_and_runs_nothing(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    outcome = await reconcile(cr, plan)
    assert isinstance(outcome, Done), outcome
    assert outcome.facts.release_revision == 1
    stored = cr.kube.values(NAMESPACE, PINS)
    assert {key: stored.get(key) for key in EXPECTED} == EXPECTED
    assert cr.kube.values(NAMESPACE, names.admin_secret(registry())) == {"password": "Harbor12345"}
    assert names.owner_labels(registry()).items() <= cr.kube.secrets[REVISION].labels.items()
    cr.kube.writes.clear()
    for release in ({}, {"adopt": False, "adoptionPlan": ""}):
        assert isinstance(await reconcile(cr, plan, release=release), Done)
    assert cr.kube.writes == cr.helm.started == []


async def test_a_defective_chart_is_adopted_with_a_warning_for_a_cache_of_docker_hub(cr: ReleaseFixture) -> None:
    install(cr, chart_version="1.19.0")
    spec: dict[str, Any] = {
        "registries": [{"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"}],
        "projects": [{"name": "a", "proxyCache": "hub"}],
    }
    plan = planned(await reconcile(cr, release={"version": "1.19.0"}, **spec))
    outcome = await reconcile(cr, plan, release={"version": "1.19.0"}, **spec)
    assert isinstance(outcome, Done), outcome
    codes = [warning.code for warning in outcome.warnings]
    assert codes == [Reason.CHART_VERSION_REFUSED, Reason.PUBLISHED_SECRET, Reason.PUBLISHED_SECRET]


@pytest.mark.parametrize(
    ("version", "is_kept"), [("1.11.0", False), ("1.11.1", True), ("1.10.3", False), ("1.8.3", False), ("1.19.1", True)]
)
async def test_a_published_token_key_is_not_adopted(cr: ReleaseFixture, version: str, is_kept: bool) -> None:
    """GHSA-j7jh-fmcm-xxwv: who has the key can issue tokens for every image."""
    install(cr, chart_version=version)
    first = await reconcile(cr, release={"version": version})
    assert ("the token key pair" in first.message) is is_kept
    assert ("`core.secretName`" in first.message) is not is_kept
    await reconcile(cr, planned(first), release={"version": version})
    stored = cr.kube.values(NAMESPACE, PINS)
    assert (stored["tls.key"] == SECRETS["cr-harbor-core"]["tls.key"]) is is_kept
    assert (stored["tls.crt"] == SECRETS["cr-harbor-core"]["tls.crt"]) is is_kept


async def test_the_published_password_of_the_registry_is_replaced(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    warned = await reconcile(cr, plan)
    key, password = (warning.message for warning in warned.warnings if warning.code is Reason.PUBLISHED_SECRET)
    assert "'secretKey'" in key
    assert "Delete the keys 'REGISTRY_PASSWD' and 'REGISTRY_HTPASSWD'" in password
    left = {key: value for key, value in cr.kube.values(NAMESPACE, PINS).items() if not key.startswith("REGISTRY_P")}
    del left["REGISTRY_HTPASSWD"]
    cr.kube.put(NAMESPACE, PINS, left, names.owner_labels(registry()))
    outcome = await reconcile(cr, plan)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    assert [warning.message for warning in outcome.warnings] == [key]


async def test_the_next_change_runs_helm_with_the_same_secrets(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    await reconcile(cr, plan)
    outcome = await reconcile(cr, plan, {**KEEPING, "portal": {"replicas": 2}})
    assert outcome.reason is Reason.RELEASE_UPGRADING
    cr.finish()
    assert isinstance(await reconcile(cr, plan, {**KEEPING, "portal": {"replicas": 2}}), Done)
    assert cr.kube.values(NAMESPACE, PINS)["secretKey"] == "not-a-secure-key"


async def test_a_later_revision_of_another_client_is_not_the_adopted_one(cr: ReleaseFixture) -> None:
    """Helm copies the labels of the revision before."""
    install(cr)
    plan = planned(await reconcile(cr))
    await reconcile(cr, plan)
    install(cr, {"logLevel": "debug"}, labels=dict(cr.kube.secrets[REVISION].labels))
    assert (await reconcile(cr, plan)).reason is Reason.RELEASE_UPGRADING


async def test_everything_that_would_be_lost_is_listed(cr: ReleaseFixture) -> None:
    given = {
        "externalURL": "https://old.example.com",
        "portal": {"replicas": 3},
        "core": {"configureUserSettings": '{"robot_name_prefix": "bot-"}', "xsrfKey": "given"},
        "registry": {"credentials": {"username": "other"}},
        "persistence": {"imageChartStorage": {"disableredirect": True}},
        "expose": {"nodePort": {"name": "unused"}},
        "misspelt": {"key": "without effect"},
    }
    install(cr, given)
    message = refused(await reconcile(cr, values={}))
    assert message.split(": ", 1)[1].split("; ") == [
        "`core.configureUserSettings` differs: put it into a Secret and name that Secret in `spec.release.valuesFrom`",
        "`externalURL` differs: use `spec.externalURL`",
        "`portal.replicas` differs: add it to `spec.release.values`",
        "`registry.credentials.username` differs: the operator cannot keep it: change it in the release first",
        "`registry.relativeurls` is false (the default of the chart): add it to `spec.release.values`",
        "`trivy.enabled` is true (the default of the chart): add it to `spec.release.values`",
        "`updateStrategy.type` is RollingUpdate (the default of the chart): add it to `spec.release.values`",
    ]
    assert cr.kube.writes == []


async def test_a_plan_is_for_one_revision(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    install(cr, {"logLevel": "info"})
    assert planned(await reconcile(cr, plan, {**KEEPING, "logLevel": "info"})) != plan
    assert cr.kube.writes == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "pending-upgrade"}, "its newest revision is 'pending-upgrade'"),
        ({"status": "failed"}, "its newest revision is 'failed'"),
        ({"chart_version": "1.18.4"}, "its chart is 1.18.4: set `spec.release.version` to '1.18.4'"),
        ({"chart_name": "harbor-next"}, "its chart is 'harbor-next'"),
        ({"labels": {names.REGISTRY_NAME: "other"}}, "it belongs to HarborRegistry 'other'"),
    ],
)
async def test_what_no_spec_can_keep(cr: ReleaseFixture, changes: dict[str, Any], expected: str) -> None:
    install(cr, **changes)
    assert expected in refused(await reconcile(cr))
    assert cr.kube.writes == []


async def test_a_release_that_is_not_there_is_not_installed(cr: ReleaseFixture) -> None:
    assert "has no Helm release 'cr'" in refused(await reconcile(cr))
    assert cr.helm.started == []


async def test_secrets_that_are_missing_or_of_another_length(cr: ReleaseFixture) -> None:
    install(cr)
    cr.kube.put(NAMESPACE, "cr-harbor-core", {**SECRETS["cr-harbor-core"], "secretKey": "short"})
    del cr.kube.secrets[NAMESPACE, "cr-harbor-jobservice"]
    message = refused(await reconcile(cr))
    assert "key 'JOBSERVICE_SECRET' of Secret 'cr-harbor-jobservice', which the chart reads, was not found" in message
    assert "its `secretKey` has 5 characters" in message


async def test_secrets_that_the_values_name_are_kept(cr: ReleaseFixture) -> None:
    named = {
        "existingSecretSecretKey": "ours",
        "existingSecretAdminPassword": "ours",
        "existingSecretAdminPasswordKey": "admin",
        "jobservice": {"existingSecret": "ours", "existingSecretKey": "jobs"},
    }
    install(cr, named)
    cr.kube.put(NAMESPACE, "ours", {"secretKey": "0123456789abcdef", "admin": "Admin0", "jobs": "jobs-secret"})
    await reconcile(cr, planned(await reconcile(cr)))
    stored = cr.kube.values(NAMESPACE, PINS)
    assert (stored["secretKey"], stored["JOBSERVICE_SECRET"]) == ("0123456789abcdef", "jobs-secret")
    assert cr.kube.values(NAMESPACE, names.admin_secret(registry())) == {"password": "Admin0"}


async def test_a_given_admin_password_replaces_the_first_one(cr: ReleaseFixture) -> None:
    install(cr)
    cr.kube.put(NAMESPACE, "admin", {"password": "Changed0"})
    given = {"name": "admin", "key": "password"}
    plan = planned(await reconcile(cr, adminPasswordSecretRef=given))
    assert isinstance(await reconcile(cr, plan, adminPasswordSecretRef=given), Done)
    assert (NAMESPACE, "hreg-cr-admin-password") not in cr.kube.secrets


async def test_secrets_of_an_earlier_harbor_are_not_overwritten(cr: ReleaseFixture) -> None:
    install(cr)
    cr.kube.put(NAMESPACE, PINS, {"secretKey": "another-key-0123"}, names.owner_labels(registry()))
    cr.kube.put(NAMESPACE, "old-key", {"secretKey": "another-key-0123"})
    message = refused(await reconcile(cr))
    assert f"the registry has another 'secretKey' than the release, in Secret '{PINS}'" in message
    del cr.kube.secrets[NAMESPACE, PINS]
    assert "another 'secretKey'" in refused(await reconcile(cr, release={"secretKeyRef": {"name": "old-key"}}))


async def test_an_interrupted_adoption_is_repeated(cr: ReleaseFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    install(cr)
    plan = planned(await reconcile(cr))

    async def conflict(*_: Any) -> None:
        raise Unavailable("Secret changed while it was being written")

    with monkeypatch.context() as interrupted:
        interrupted.setattr(cr.kube, "patch_secret", conflict)
        assert isinstance(await reconcile(cr, plan), Unknown)
    assert cr.kube.secrets[REVISION].labels.get(names.REGISTRY_NAME) is None
    pins = cr.kube.values(NAMESPACE, PINS)
    assert isinstance(await reconcile(cr, plan), Done)
    assert cr.kube.values(NAMESPACE, PINS) == pins | {"CHART_VERSION": "1.19.1"}


async def test_rights_are_proved_before_anything_is_written(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    cr.helm.unreadable = {ListedObject("v1", "Secret", "cr-harbor-core", NAMESPACE)}
    outcome = await reconcile(cr, plan)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert cr.kube.writes == []


async def test_a_registry_keeps_to_one_release(cr: ReleaseFixture) -> None:
    install(cr)
    plan = planned(await reconcile(cr))
    own = {**names.owner_labels(registry()), "owner": "helm", "name": "other", "status": "deployed"}
    cr.kube.put(NAMESPACE, "sh.helm.release.v1.other.v1", {}, own)
    assert (await reconcile(cr, plan)).reason is Reason.RELEASE_NAME_CHANGED


async def test_a_release_of_flux_is_named(cr: ReleaseFixture) -> None:
    label = "  labels:\n    helm.toolkit.fluxcd.io/name: harbor-prod\n"
    install(cr, manifest=MANIFEST + label)
    outcome = await reconcile(cr)
    assert planned(outcome)
    assert "Flux's HelmRelease 'harbor-prod': suspend it" in outcome.message
