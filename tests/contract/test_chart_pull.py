"""Charts from private repositories and registries and through a proxy, by the real Helm from real servers."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.adapters.chart_pull import MAX_PULL_MEMORY_MIB, ChartPuller
from harbor_operator.adapters.helm_charts import RemoteChart
from harbor_operator.adapters.secrets import SECRET_GENERATOR
from harbor_operator.model.release import DesiredRelease, ReleaseLogin, RepositoryAccess
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.gotools import program
from lab.process import Processes, free_port
from lab.registry import Registry
from tests.contract.chart_fixture import (
    DESIRED,
    PASSWORD,
    USER,
    ChartRepository,
    archive,
    ignore,
    index,
    proxying,
    refusal,
    serving,
)
from tests.fakes.hostile import Attack, attacking

pytestmark = pytest.mark.lab

GRACE_SECONDS = 10.0
LOGIN = ReleaseLogin(USER, SecretStr(PASSWORD))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "certs")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def puller(home: Path) -> ChartPuller:
    return ChartPuller(str(program("helm")), home)


@pytest.fixture
async def private(authority: Authority) -> AsyncIterator[ChartRepository]:
    contents = {"/index.yaml": index("charts/harbor.tgz"), "/charts/harbor.tgz": archive()}
    async with serving(ChartRepository(contents), authority) as repository:
        yield repository


@pytest.fixture
def registry(tmp_path: Path, authority: Authority) -> Iterator[str]:
    """A private OCI registry that holds the chart; its address."""
    port, issued, htpasswd = free_port(), authority.issue("registry"), tmp_path / "htpasswd"
    htpasswd.write_text(SECRET_GENERATOR.htpasswd(USER, LOGIN.password).get_secret_value())
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(issued.cert_path), "key": str(issued.key_path)},
        },
        "auth": {"htpasswd": {"realm": "charts", "path": str(htpasswd)}},
    }
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(config))
    processes = Processes(tmp_path / "logs")
    try:
        address = Registry.start(path, {}, processes).address
        push(address, tmp_path, authority)
        yield address
    finally:
        processes.stop_all()


def push(address: str, folder: Path, authority: Authority) -> None:
    (folder / "harbor-1.19.1.tgz").write_bytes(archive())
    helm, trust = str(program("helm")), ("--ca-file", str(authority.ca_path))
    environment = {"PATH": os.defpath, "HOME": str(folder / "pusher")}
    login = [helm, "registry", "login", address, "--username", USER, "--password-stdin", *trust]
    subprocess.run(login, input=PASSWORD.encode(), env=environment, check=True, capture_output=True)
    upload = [helm, "push", str(folder / "harbor-1.19.1.tgz"), f"oci://{address}/charts", *trust]
    subprocess.run(upload, env=environment, check=True, capture_output=True)


def access(authority: Authority, login: ReleaseLogin | None = LOGIN) -> DesiredRelease:
    return replace(DESIRED, repository_access=RepositoryAccess(login, authority.ca_pem))


async def test_a_private_repository_gets_the_login_and_gives_the_chart(
    puller: ChartPuller, private: ChartRepository, authority: Authority
) -> None:
    """Finding F8."""
    found = await puller.pull(RemoteChart("harbor", private.url()), access(authority), ignore)
    assert found.content == private.contents["/charts/harbor.tgz"]
    assert [path for path, _ in private.requests] == ["/index.yaml", "/charts/harbor.tgz"]
    assert list(puller.home.iterdir()) == []


@pytest.mark.parametrize("login", [None, ReleaseLogin(USER, SecretStr("wrong-password"))])
async def test_a_refused_login_is_named_and_not_shown(
    puller: ChartPuller, private: ChartRepository, authority: Authority, login: ReleaseLogin | None
) -> None:
    error = await refusal(puller, RemoteChart("harbor", private.url()), access(authority, login))
    assert error.reason is Reason.CHART_UNAVAILABLE
    assert "401 Unauthorized" in str(error)
    assert "`spec.release.repositorySecretRef`" in str(error)
    sent = private.requests[-1][1].removeprefix("Basic ")
    assert not sent or sent not in str(error)
    assert "wrong-password" not in str(error)


async def test_a_repository_of_an_unknown_authority_gets_no_login(
    puller: ChartPuller, private: ChartRepository
) -> None:
    desired = replace(DESIRED, repository_access=RepositoryAccess(LOGIN))
    error = await refusal(puller, RemoteChart("harbor", private.url()), desired)
    assert "certificate" in str(error)
    assert "`spec.release.repositoryCASecretRef`" in str(error)
    assert private.requests == []


async def test_an_index_sends_the_login_to_no_other_host(puller: ChartPuller, authority: Authority) -> None:
    other = ChartRepository({"/harbor.tgz": archive()}, is_private=False)
    async with serving(other, authority), serving(ChartRepository({}), authority) as private:
        private.contents["/index.yaml"] = index(f"{other.url('127.0.0.1')}/harbor.tgz")
        await puller.pull(RemoteChart("harbor", private.url()), access(authority), ignore)
    assert other.requests == [("/harbor.tgz", "")]


async def test_an_archive_that_another_namespace_has_pulled_is_not_reused(
    puller: ChartPuller, authority: Authority
) -> None:
    """An index with the digest of a private chart gets nothing: Helm would take it from a common cache."""
    secret = archive({"templates/secret.yaml": "# of another tenant"})
    for content in (secret, archive()):
        repository = ChartRepository({"/harbor.tgz": content}, is_private=False)
        repository.contents["/index.yaml"] = index("harbor.tgz", sha256(secret))
        async with serving(repository, authority):
            found = await puller.pull(RemoteChart("harbor", repository.url()), access(authority), ignore)
        assert found.content == content


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_private_registry_gets_the_login_and_gives_the_chart(
    puller: ChartPuller, registry: str, authority: Authority
) -> None:
    """Finding F8."""
    chart = RemoteChart(f"oci://{registry}/charts/harbor")
    found = await puller.pull(chart, access(authority), ignore)
    assert found.content == archive()
    for login, words in ((None, "credential not found"), (ReleaseLogin(USER, SecretStr("wrong-password")), "401")):
        error = await refusal(puller, chart, access(authority, login))
        assert error.reason is Reason.CHART_UNAVAILABLE
        assert words in str(error)
        assert "wrong-password" not in str(error)


async def test_another_archive_or_version_than_the_spec_names_is_refused(
    puller: ChartPuller, private: ChartRepository, authority: Authority
) -> None:
    """Finding S8."""
    chart = RemoteChart("harbor", private.url())
    found = await puller.pull(chart, access(authority), ignore)
    await puller.pull(chart, replace(access(authority), chart_digest=found.digest), ignore)
    private.contents["/charts/harbor.tgz"] = archive(version="1.19.2")
    error = await refusal(puller, chart, access(authority))
    assert error.reason is Reason.CHART_UNAVAILABLE
    assert "is version '1.19.2'" in str(error)
    error = await refusal(puller, chart, replace(access(authority), chart_digest=found.digest))
    assert error.reason is Reason.CHART_DIGEST_MISMATCH
    assert f"'{found.digest}'" in str(error)


@pytest.mark.parametrize("is_exempt", [False, True])
async def test_the_proxy_is_used_but_for_exempt_hosts(
    home: Path, private: ChartRepository, authority: Authority, *, is_exempt: bool
) -> None:
    """Finding F8: without the proxy, no one knows the name of this host."""
    chart = RemoteChart("harbor", private.url("charts.example.com"))
    async with proxying() as proxy:
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        environment |= {"NO_PROXY": ".example.com"} if is_exempt else {}
        puller = ChartPuller(str(program("helm")), home, environment)
        if is_exempt:
            assert "charts.example.com" in str(await refusal(puller, chart, access(authority)))
            assert proxy.targets == []
            return
        assert (await puller.pull(chart, access(authority), ignore)).content == archive()
    assert set(proxy.targets) == {f"charts.example.com:{private.port}"}


async def test_the_login_is_in_no_argument_variable_or_file(puller: ChartPuller, authority: Authority) -> None:
    """Seen while Helm waits for the server; a pull that is cancelled leaves neither a process nor a file."""
    children: list[asyncio.subprocess.Process] = []
    async with attacking(Attack.SLOW_BODY.answer) as server:
        chart = RemoteChart("harbor", server.url)
        pull = asyncio.create_task(puller.pull(chart, access(authority), children.append))
        async with asyncio.timeout(GRACE_SECONDS):
            while not server.requests:  # noqa: ASYNC110 - the request of another process has no event
                await asyncio.sleep(0.01)
        process = Path(f"/proc/{children[0].pid}")
        seen = [process / "cmdline", process / "environ", *(path for path in puller.home.rglob("*") if path.is_file())]
        texts = [path.read_bytes() for path in seen]
        assert resource.prlimit(children[0].pid, resource.RLIMIT_DATA) == (MAX_PULL_MEMORY_MIB << 20,) * 2
        assert resource.prlimit(children[0].pid, resource.RLIMIT_FSIZE) == (32 << 20,) * 2
        pull.cancel()
        with suppress(asyncio.CancelledError):
            await pull
    assert b"repo\0update" in texts[0]
    assert [text for text in texts if PASSWORD.encode() in text or b"certs" in text] == []
    assert children[0].returncode is not None
    assert list(puller.home.iterdir()) == []
