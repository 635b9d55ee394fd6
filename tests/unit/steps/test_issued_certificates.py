"""`spec.internalTLS.issuerRef`: what is asked of cert-manager, what is waited for, and what is removed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.issued_certificates import CERTIFICATE, CERTIFICATE_REQUEST, issued_labels
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.issued_certificates import IssuedCertificatesReleaseStep
from tests.fakes.owned_objects import FakeOwnedObjects
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import READY, ReleaseFixture

PROCESSES = ["core", "jobservice", "registry", "portal"]
ISSUED: dict[str, Any] = {"issuerRef": {"name": "harbor-ca"}}


class IssuedFixture(ReleaseFixture):
    """A release whose certificates a cert-manager in the test issues."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = FakeOwnedObjects(CERTIFICATE, CERTIFICATE_REQUEST)
        self.issued = IssuedCertificatesReleaseStep(self.step, self.kube, self.objects)
        self.spec(internalTLS=ISSUED)

    async def run(self) -> Outcome:
        return await self.issued.reconcile(self.registry)

    def secret_name(self, component: str) -> str:
        return names.internal_tls_secret(self.registry, component)

    def certificate(self, component: str) -> dict[str, Any]:
        return self.objects.objects["Certificate", NAMESPACE, self.secret_name(component)]

    def report(self, component: str, *conditions: dict[str, Any], **status: Any) -> None:
        """Writes the status of a Certificate as cert-manager does."""
        manifest = copy.deepcopy(self.certificate(component))
        self.objects.put(CERTIFICATE, {**manifest, "status": {"conditions": list(conditions), **status}})

    def issue(self, component: str, certificate: str = "first", ca: str = "CA") -> None:
        """Writes the Secret of a Certificate, and its condition `Ready`."""
        labels = self.certificate(component)["spec"]["secretTemplate"]["labels"]
        values = {"tls.crt": f"{certificate} of {component}", "tls.key": "key", **({"ca.crt": ca} if ca else {})}
        self.kube.put(NAMESPACE, self.secret_name(component), values, labels)
        generation = self.certificate(component)["metadata"]["generation"]
        self.report(component, {"type": "Ready", "status": "True", "observedGeneration": generation})

    async def deployed_with_certificates(self) -> None:
        await self.run()
        for component in PROCESSES:
            self.issue(component)
        await self.run()
        self.finish()
        self.workloads(*READY)
        assert isinstance(await self.run(), Done)


@pytest.fixture
def cr() -> IssuedFixture:
    return IssuedFixture()


def request(certificate: str, revision: int, *conditions: dict[str, Any]) -> dict[str, Any]:
    annotations = {
        "cert-manager.io/certificate-name": certificate,
        "cert-manager.io/certificate-revision": str(revision),
    }
    metadata = {"name": f"{certificate}-{revision}", "namespace": NAMESPACE, "annotations": annotations}
    return {"metadata": metadata, "status": {"conditions": list(conditions)}}


async def test_a_certificate_is_asked_for_each_process_and_nothing_is_installed_before(cr: IssuedFixture) -> None:
    outcome = await cr.run()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CERTIFICATES_NOT_ISSUED
    assert cr.kube.writes == []
    assert cr.helm.started == []
    spec = cr.certificate("core")["spec"]
    assert spec["secretName"] == "hreg-cr-internal-tls-core"
    assert spec["issuerRef"] == {"name": "harbor-ca", "kind": "Issuer", "group": "cert-manager.io"}
    assert {"cr-harbor-core", "localhost"} <= set(spec["dnsNames"])
    assert spec["ipAddresses"] == ["127.0.0.1", "::1"]
    assert spec["secretTemplate"]["labels"] == issued_labels(cr.registry)
    assert "ipAddresses" not in cr.certificate("portal")["spec"]
    assert len(cr.objects.objects) == len(PROCESSES)


async def test_the_release_uses_the_secrets_of_cert_manager_and_a_second_pass_writes_nothing(cr: IssuedFixture) -> None:
    await cr.deployed_with_certificates()
    values = (await cr.desired()).values
    assert values["internalTLS"]["core"] == {"secretName": "hreg-cr-internal-tls-core"}
    assert (NAMESPACE, names.internal_tls_authority(cr.registry)) not in cr.kube.secrets
    cr.kube.writes.clear()
    cr.objects.writes.clear()
    assert isinstance(await cr.run(), Done)
    assert (cr.kube.writes, cr.objects.writes) == ([], [])


async def test_a_renewed_certificate_restarts_the_pods_that_read_it(cr: IssuedFixture) -> None:
    await cr.deployed_with_certificates()
    before = (await cr.desired()).values
    cr.issue("core", "second")
    outcome = await cr.run()
    assert outcome.reason is Reason.RELEASE_UPGRADING, outcome
    after = (await cr.desired()).values
    changed = {name for name in PROCESSES if before[name]["podAnnotations"] != after[name]["podAnnotations"]}
    assert changed == {"core"}


async def test_the_cause_of_a_failure_is_the_newest_request(cr: IssuedFixture) -> None:
    await cr.run()
    core = cr.secret_name("core")
    old = {"type": "Ready", "status": "False", "reason": "Failed", "message": "an old failure"}
    missing = {"type": "Ready", "status": "False", "reason": "Pending", "message": "Referenced issuer not found"}
    cr.objects.put(CERTIFICATE_REQUEST, request(core, 1, old))
    cr.objects.put(CERTIFICATE_REQUEST, request(core, 2, missing))
    waiting = await cr.run()
    assert isinstance(waiting, Pending)
    assert "from Issuer 'harbor-ca' of `spec.internalTLS.issuerRef`: Referenced issuer not found" in waiting.message
    cr.objects.put(CERTIFICATE_REQUEST, request(core, 3, {**missing, "reason": "Failed", "message": "no" * 400}))
    failed = await cr.run()
    assert isinstance(failed, Blocked)
    assert "no" * 150 in failed.message
    assert "no" * 151 not in failed.message


async def test_a_condition_about_an_earlier_spec_does_not_count(cr: IssuedFixture) -> None:
    await cr.deployed_with_certificates()
    cr.spec(internalTLS={"issuerRef": {"name": "other", "kind": "ClusterIssuer"}})
    outcome = await cr.run()
    assert isinstance(outcome, Pending)
    assert "from ClusterIssuer 'other'" in outcome.message


async def test_a_failed_renewal_of_a_valid_certificate_is_a_warning(cr: IssuedFixture) -> None:
    await cr.deployed_with_certificates()
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    failing = {"type": "Issuing", "status": "False", "reason": "Failed", "message": "the issuer is sealed"}
    cr.report("core", ready, failing, failedIssuanceAttempts=2)
    outcome = await cr.run()
    assert isinstance(outcome, Done)
    (warning,) = [each for each in outcome.warnings if each.code is Reason.CERTIFICATES_NOT_ISSUED]
    assert "'hreg-cr-internal-tls-core'" in warning.message
    assert "the issuer is sealed" in warning.message


@pytest.mark.parametrize(("ca", "said"), [("", "puts no CA into Secret"), ("first of core", "its own CA")])
async def test_an_issuer_without_a_common_authority_is_refused(cr: IssuedFixture, ca: str, said: str) -> None:
    await cr.run()
    for component in PROCESSES:
        cr.issue(component, ca=ca)
    outcome = await cr.run()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ISSUER_UNUSABLE
    assert said in outcome.message
    assert cr.helm.started == []


async def test_without_cert_manager_the_message_says_so(cr: IssuedFixture) -> None:
    cr.objects.served.clear()
    outcome = await cr.run()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ISSUER_UNUSABLE


async def test_a_missing_right_names_the_role(cr: IssuedFixture) -> None:
    cr.objects.forbidden.add(CERTIFICATE)
    outcome = await cr.run()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert "--clusterrole=harbor-operator-cert-manager" in outcome.message
    with pytest.raises(Refused, match="deploy/components/cert-manager"):
        await cr.issued.teardown(cr.registry)


async def test_without_the_field_the_operator_issues_again_and_cert_manager_stops(cr: IssuedFixture) -> None:
    await cr.deployed_with_certificates()
    cr.spec(internalTLS={})
    outcome = await cr.run()
    assert outcome.reason is Reason.RELEASE_UPGRADING, outcome
    assert cr.objects.objects == {}
    secret = cr.kube.secrets[NAMESPACE, cr.secret_name("core")]
    assert names.ISSUED_BY not in secret.labels
    assert "BEGIN CERTIFICATE" in secret.values["tls.crt"].get_secret_value()


async def test_the_certificates_of_the_operator_are_not_mistaken_for_issued_ones(cr: IssuedFixture) -> None:
    cr.spec(internalTLS={})
    await cr.deployed()
    cr.spec(internalTLS=ISSUED)
    await cr.run()
    for component in PROCESSES:
        cr.report(component, {"type": "Ready", "status": "True", "observedGeneration": 1})
    outcome = await cr.run()
    assert isinstance(outcome, Pending)
    assert "its Secret is not written yet" in outcome.message


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_a_deletion_removes_the_certificates_unless_the_release_stays(cr: IssuedFixture, policy: str) -> None:
    await cr.deployed_with_certificates()
    cr.spec(internalTLS=ISSUED, deletionPolicy={"release": policy})
    await torn_down(cr)
    assert bool(cr.objects.objects) is (policy == "Retain")
    assert ((NAMESPACE, cr.secret_name("core")) in cr.kube.secrets) is (policy == "Retain")


async def torn_down(cr: IssuedFixture) -> None:
    for _ in range(5):
        if not isinstance(await cr.issued.teardown(cr.registry), Pending):
            return
        if cr.helm.running(NAMESPACE, "cr"):
            cr.finish()
            cr.workloads()
    raise AssertionError("the release is still there")
