"""What is wrong in front of a Harbor: the step names it on a real nginx, and its remedy ends the finding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.image_proof import HttpImageProof
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.catalogue.search import find, problems
from harbor_operator.model.harbor import Login
from harbor_operator.model.outcomes import Blocked, Done, Outcome
from harbor_operator.plan.docker_config import render_docker_config
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.reachability import RETRY_BLOCKED, ReachabilityStep
from lab.certs import Authority, Issued
from lab.harbor.standalone import Standalone
from lab.images import make_image
from lab.nginx import Front, Site
from lab.process import LabError, Processes, free_port
from lab.skopeo import Skopeo
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

HOSTS = ("localhost",)


@dataclass
class Served:
    """The stand-in behind a front that keeps the Host header and forwards the scheme."""

    standalone: Standalone
    front: Front
    authority: Authority

    def certificate(self, name: str, **options: object) -> Issued:
        return self.authority.issue(name, hosts=HOSTS, **options)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """Host and port, the first part of an image reference."""
        return self.front.url.removeprefix("https://")

    def push(self, directory: Path, host: str = "") -> None:
        """Pushes an image with a login for the address of the front; the tag can name another one. Raises LabError."""
        skopeo, authfile = Skopeo(directory / "skopeo"), directory / "auth.json"
        login = Login("admin", SecretStr(self.standalone.admin_password))
        authfile.write_text(render_docker_config({self.address: login}).get_secret_value())
        make_image(directory / "image", size=1 << 12)
        reference = f"{host or self.address}/library/app:1"
        skopeo.copy_in(directory / "image", reference, authfile=authfile, ca_dir=self.authority.ca_dir)

    @contextmanager
    def serving(self, site: Site | None = None, issued: Issued | None = None) -> Iterator[None]:
        """The front with other settings or another certificate until the block ends."""
        before = self.front.site
        try:
            self.front.serve(site or before, issued)
            yield
        finally:
            self.front.serve(before, self.certificate("front"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("reachability")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes, authority, port = Processes(directory / "logs"), Authority.create(directory / "ca"), free_port()
    try:
        standalone = Standalone.start(directory, processes, authority, external_url=f"https://localhost:{port}")
        site = Site(standalone.url, hosts=HOSTS, host_header="$http_host")
        front = Front.start(directory / "front", processes, authority, site, port=port)
        yield Served(standalone, front, authority)
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


class StepFixture:
    """The step of one registry, with a clock that the test moves."""

    def __init__(self, served: Served) -> None:
        self.now = datetime.now(UTC)
        self.url = served.front.url
        kube = FakeKube()
        kube.put("intra", "hreg-cr-admin-password", {"password": served.standalone.admin_password})
        kube.put("intra", "ca", {"ca.crt": served.authority.ca_pem})
        self.step = ReachabilityStep(kube, HttpRegistryProbe(), HttpHarbor(), HttpImageProof(), lambda: self.now)

    async def reconcile(self, *, trusts: bool = True) -> Outcome:
        """A pass after a failed trial is no longer remembered."""
        self.now += RETRY_BLOCKED
        spec = {"externalURL": self.url, **({"caSecretRef": {"name": "ca"}} if trusts else {})}
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        return await attempt(self.step.reconcile, HarborRegistry.parse({"metadata": metadata, "spec": spec}))

    async def finding(self, reason: Reason, *words: str, trusts: bool = True) -> None:
        """Asserts that the step is blocked for this reason, with these words in its message."""
        outcome = await self.reconcile(trusts=trusts)
        assert isinstance(outcome, Blocked), outcome.message
        assert outcome.reason is reason, outcome.message
        assert [text for text in words if text not in outcome.message] == [], outcome.message

    async def warning(self, reason: Reason, words: str) -> None:
        """Asserts that the step only warns for this reason, with these words in the message."""
        outcome = await self.reconcile()
        assert isinstance(outcome, Done), outcome.message
        (warning,) = outcome.warnings
        assert warning.code is reason
        assert words in warning.message

    async def nothing(self) -> None:
        """Asserts that the step finds nothing, not even a warning."""
        outcome = await self.reconcile()
        assert isinstance(outcome, Done), outcome.message
        assert outcome.warnings == ()


@pytest.fixture
def fixture(served: Served) -> StepFixture:
    return StepFixture(served)


async def test_a_front_that_does_not_start_serves_the_next_test(fixture: StepFixture, served: Served) -> None:
    with pytest.raises(LabError), served.serving(replace(served.front.site, max_body="none")):
        pass
    await fixture.nothing()


async def test_a_private_ca_must_be_named(fixture: StepFixture) -> None:
    remedy = "name the Secret with its CA in `spec.caSecretRef`"
    await fixture.finding(Reason.CERTIFICATE_UNTRUSTED, remedy, trusts=False)
    await fixture.nothing()


async def test_an_incomplete_chain_is_completed(fixture: StepFixture, served: Served, tmp_path: Path) -> None:
    intermediate = served.authority.intermediate(tmp_path / "intermediate")
    issued = intermediate.issue("leaf", hosts=HOSTS)
    with served.serving(issued=issued):
        remedy = "if an intermediate CA signed it, the server must send that CA's certificate as well"
        await fixture.finding(Reason.CERTIFICATE_UNTRUSTED, "unable to get local issuer certificate", remedy)
        issued.cert_path.write_text(issued.cert_path.read_text() + intermediate.ca_pem)
        served.front.serve(served.front.site, issued)
        await fixture.nothing()


async def test_a_certificate_for_another_name_is_issued_again(fixture: StepFixture, served: Served) -> None:
    with served.serving(issued=served.authority.issue("other", hosts=("cr.example.com",))):
        remedy = "issue one whose subject alternative names contain 'localhost'"
        await fixture.finding(Reason.CERTIFICATE_HOST_MISMATCH, "is valid for 'cr.example.com'", remedy)
    await fixture.nothing()


async def test_an_expired_certificate_is_renewed(fixture: StepFixture, served: Served) -> None:
    with served.serving(issued=served.certificate("expired", valid_for=timedelta(minutes=-1))):
        remedy = "renew it in the proxy or ingress that serves it"
        await fixture.finding(Reason.CERTIFICATE_EXPIRED, remedy)
    await fixture.nothing()


async def test_a_certificate_that_expires_soon_is_renewed(fixture: StepFixture, served: Served) -> None:
    with served.serving(issued=served.certificate("expiring", valid_for=timedelta(days=5))):
        await fixture.warning(Reason.CERTIFICATE_EXPIRING, "renew it")
    await fixture.nothing()


async def test_an_ingress_limit_of_1_mib_is_removed(fixture: StepFixture, served: Served) -> None:
    with served.serving(replace(served.front.site, max_body="1m")):
        remedy = 'nginx.ingress.kubernetes.io/proxy-body-size: "0"'
        await fixture.finding(Reason.PROXY_BODY_LIMIT, "refuses a body of 2 MiB with HTTP 413", remedy)
    await fixture.nothing()


async def test_a_limit_of_100_mib_is_a_warning_until_it_is_removed(fixture: StepFixture, served: Served) -> None:
    with served.serving(replace(served.front.site, max_body="100m")):
        await fixture.warning(Reason.PROXY_BODY_LIMIT, "'client_max_body_size 0;'")
    await fixture.nothing()


async def test_a_proxy_that_drops_the_port_keeps_the_host_header(fixture: StepFixture, served: Served) -> None:
    with served.serving(replace(served.front.site, host_header="$host")):
        remedy = "a proxy in front must keep the header Host"
        await fixture.finding(Reason.TOKEN_SERVICE_MISMATCH, "https://localhost/service/token", remedy)
    await fixture.nothing()


@pytest.mark.parametrize("remedy", ["X-Forwarded-Proto", "'registry.relativeurls' to true"])
async def test_an_upload_that_continues_without_tls(
    fixture: StepFixture, served: Served, tmp_path: Path, remedy: str
) -> None:
    """The client is sent to http:// behind a proxy that ends TLS: `docker push` ends with EOF."""
    served.standalone.start_registry(relative_urls=False)
    try:
        with served.serving(replace(served.front.site, forwards_scheme=False)):
            await fixture.finding(Reason.UPLOAD_LOCATION_MISMATCH, f"continues at http://{served.address}", remedy)
            with pytest.raises(LabError):
                served.push(tmp_path)
            if "relativeurls" in remedy:
                served.standalone.start_registry(relative_urls=True)
                await fixture.nothing()
                served.push(tmp_path)
        if "Forwarded" in remedy:
            await fixture.nothing()
            served.push(tmp_path)
    finally:
        served.standalone.start_registry()


def test_a_tag_with_another_port_gets_that_of_the_external_url(
    served: Served, processes: Processes, tmp_path: Path
) -> None:
    """The client has a login for the external URL, and the tag names another proxy in front of the same Harbor."""
    other = Front.start(tmp_path / "other", processes, served.authority, served.front.site)
    with pytest.raises(LabError) as denied:
        served.push(tmp_path, other.url.removeprefix("https://"))
    assert "PushDenied" in find(str(denied.value)), denied.value
    assert "Tag the image with the host and port of `spec.externalURL`" in problems()["PushDenied"].remedy
    served.push(tmp_path)
