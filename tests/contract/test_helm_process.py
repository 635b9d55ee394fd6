"""How Helm is started, gets its values, reports and ends: with a script in its place, so that no server is needed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import resource
import signal
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.contract.chart_fixture import write_archive
from tests.fakes.helm import DESIRED_RELEASE
from tests.fakes.release_identity import FakeReleaseIdentity

SECRET = "hush-hush-hush"
CONNECTION = ClusterConnection("https://api.example.com:6443", ca_data="-----CA-----", tls_server_name="kubernetes")
SOURCES = ChartSources(("https://charts.example.com",))
DEADLINE = 30.0

# Leaves its arguments, its environment and its input behind, then does what the file `then` says. A chart is pulled by
# processes of their own, which come before.
SCRIPT = """#!/bin/sh
here=$(dirname "$0")
case $1 in repo|pull)
    mkdir -p "$here/$1"
    echo "$@" > "$here/$1/arguments"
    env > "$here/$1/environment"
    for word in "$@"; do [ "$before" = --destination ] && cp "$here/chart.tgz" "$word"; before=$word; done
    exit 0 ;;
esac
mkdir -p "$here/$2"
echo "$@" > "$here/$2/arguments"
env > "$here/$2/environment"
ls "$PWD" > "$here/$2/entries"
for word in "$@"; do [ "$before" = --kubeconfig ] && cat "$word" "$word" > "$here/$2/kubeconfig"; before=$word; done
cat > "$here/$2/input"
. "$here/then"
"""
WAIT = """
trap 'echo stopped > "$here/$2/stopped"; kill $child; exit 1' TERM
sleep 60 & child=$!
touch "$here/$2/waits"
wait $child
"""
DESIRED = replace(
    DESIRED_RELEASE,
    values={"password": SecretStr(SECRET), "chunksize": "20971520", "umlaut": "ü"},
    labels={"a": "1", "b": "2"},
    secrets=(SecretStr(SECRET), SecretStr("no")),
)


@dataclass
class HelmProcessFixture:
    """A Helm whose program is a script, and the folder where the script leaves its traces."""

    folder: Path
    helm: SubprocessHelm
    identity: FakeReleaseIdentity

    def then(self, script: str) -> None:
        (self.folder / "then").write_text(script)

    def trace(self, what: str, name: str = "cr") -> Path:
        return self.folder / name / what

    async def until(self, path: Path) -> None:
        async with asyncio.timeout(scaled(DEADLINE)):
            while not path.exists():  # noqa: ASYNC110, ASYNC240 - a file of another process has no event
                await asyncio.sleep(0.01)

    async def ended(self, name: str = "cr") -> None:
        async with asyncio.timeout(scaled(DEADLINE)):
            while self.helm.running("intra", name):  # noqa: ASYNC110 - as the step does: look again
                await asyncio.sleep(0.01)


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[HelmProcessFixture]:
    program = tmp_path / "helm"
    program.write_text(SCRIPT)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    settings = HelmSettings(
        program=str(program),
        home=tmp_path / "home",
        connection=CONNECTION,
        chart_sources=SOURCES,
        slots=1,
        pull_environment={"HTTPS_PROXY": "http://proxy.example.com"},
    )
    write_archive(tmp_path)
    identity = FakeReleaseIdentity()
    made = HelmProcessFixture(tmp_path, SubprocessHelm(settings, identity, lambda: datetime.now(UTC)), identity)
    made.then("exit 0")
    yield made
    await made.helm.aclose()


async def test_arguments_say_everything_but_the_values(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    arguments = fixture.trace("arguments").read_text()
    assert arguments.split()[:4] == ["upgrade", "cr", "--install", "--namespace"]
    for words in (
        "--namespace intra",
        "--description chart sha256:",
        "--values -",
        "--labels a=1,b=2",
        "--timeout 60s",
        "--history-max 10",
        "--force-conflicts --server-side=true",
        "--kubeconfig /proc/self/fd/",
    ):
        assert words in arguments
    assert SECRET not in arguments + fixture.trace("environment").read_text()
    assert "repo update source --repository-config" in fixture.trace("arguments", "repo").read_text()
    assert "pull source/harbor --version 1.19.1" in fixture.trace("arguments", "pull").read_text()


async def test_values_come_by_standard_input(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    assert yaml.safe_load(fixture.trace("input").read_text()) == {
        "password": SECRET,
        "chunksize": "20971520",
        "umlaut": "ü",
    }
    assert SECRET not in "".join(p.read_text() for p in (fixture.folder / "home").rglob("*") if p.is_file())


async def test_only_a_process_that_gets_a_chart_has_the_proxy(fixture: HelmProcessFixture) -> None:
    """Finding F8: the kubeconfig says how to reach the API server."""
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    for name in ("repo", "pull"):
        assert "HTTPS_PROXY=http://proxy.example.com" in fixture.trace("environment", name).read_text()
    environment = fixture.trace("environment").read_text()
    assert "PROXY" not in environment
    assert f"HELM_CACHE_HOME={fixture.folder / 'home' / 'cache'}" in environment
    assert stat.S_IMODE((fixture.folder / "home").stat().st_mode) == 0o700


async def test_message_is_the_end_of_stderr_without_secrets(fixture: HelmProcessFixture) -> None:
    encoded = base64.b64encode(SECRET.encode()).decode()
    fixture.then(f"yes noise | head -c 5000 >&2; echo 'Error: {SECRET} and {encoded} and no' >&2; exit 1")
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert not result.succeeded
    assert result.message.endswith("Error: *** and *** and no")
    assert len(result.message) <= 1500


async def test_program_that_is_not_there_is_a_failed_run(tmp_path: Path) -> None:
    settings = HelmSettings(str(tmp_path / "absent"), tmp_path / "home", CONNECTION, SOURCES)
    identity = FakeReleaseIdentity()
    fixture = HelmProcessFixture(tmp_path, SubprocessHelm(settings, identity, lambda: datetime.now(UTC)), identity)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert "absent' could not be started: No such file" in result.message


async def test_closing_asks_helm_to_stop_and_waits_for_its_end(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    async with asyncio.timeout(scaled(DEADLINE)):
        await fixture.helm.aclose()
    assert fixture.trace("stopped").exists()
    assert fixture.helm.running("intra", "cr") is None
    result = fixture.helm.result("intra", "cr")
    assert result
    assert not result.succeeded
    await fixture.helm.start_upgrade(DESIRED)
    assert fixture.helm.running("intra", "cr") is None, "nothing starts after closing"


STUBBORN = """
trap '' TERM
touch "$here/$2/waits"
while :; do sleep 1; done
"""


@pytest.mark.parametrize("script", [WAIT, STUBBORN])
async def test_a_run_without_end_is_stopped(tmp_path: Path, fixture: HelmProcessFixture, script: str) -> None:
    settings = HelmSettings(str(tmp_path / "helm"), tmp_path / "home", CONNECTION, SOURCES, grace_seconds=0.3)
    fixture.helm = SubprocessHelm(settings, fixture.identity, lambda: datetime.now(UTC))
    fixture.then(script)
    await fixture.helm.start_upgrade(replace(DESIRED, timeout_seconds=0))
    await fixture.until(fixture.trace("waits"))
    child = _child(fixture.helm, "cr")
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert "did not end within" in result.message
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_runs_take_turns(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    await fixture.helm.start_upgrade(replace(DESIRED, name="other"))
    assert fixture.helm.running("intra", "other")
    await fixture.helm.aclose()
    assert not fixture.trace("arguments", "other").exists()
    result = fixture.helm.result("intra", "other")
    assert result
    assert result.message == "the run was stopped"


async def test_a_run_that_waits_is_queued_and_a_namespace_holds_one_slot(
    tmp_path: Path, fixture: HelmProcessFixture
) -> None:
    """Finding R13."""
    settings = HelmSettings(str(tmp_path / "helm"), tmp_path / "home", CONNECTION, SOURCES, slots=2)
    fixture.helm = SubprocessHelm(settings, fixture.identity, lambda: datetime.now(UTC))
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    await fixture.helm.start_upgrade(replace(DESIRED, name="second"))
    await fixture.helm.start_upgrade(replace(DESIRED, name="foreign", namespace="other"))
    await fixture.until(fixture.trace("waits", "foreign"))
    progress = [fixture.helm.running(*key) for key in (("intra", "cr"), ("intra", "second"), ("other", "foreign"))]
    assert [run.queued for run in progress if run] == [False, True, False]
    assert not fixture.trace("arguments", "second").exists()
    await fixture.helm.aclose()


async def test_uninstall_tolerates_what_is_gone(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_uninstall("intra", "cr", "harbor-release", 30)
    await fixture.ended()
    assert "uninstall cr --namespace intra --ignore-not-found --timeout 30s" in fixture.trace("arguments").read_text()


async def test_helm_acts_as_the_account_of_the_release(fixture: HelmProcessFixture) -> None:
    """The kubeconfig can be read more than once, and holds the account's token and no credential of the operator."""
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    text = fixture.trace("kubeconfig").read_text()
    config = json.loads(text[: len(text) // 2])
    assert text == json.dumps(config) * 2
    assert config["users"][0]["user"] == {"token": "token-1-of-intra-harbor-release"}
    cluster = config["clusters"][0]["cluster"]
    assert (cluster["server"], cluster["tls-server-name"]) == ("https://api.example.com:6443", "kubernetes")
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"-----CA-----"


async def test_the_token_is_in_no_argument_variable_or_named_file(fixture: HelmProcessFixture) -> None:
    fixture.then('cat "$here/$2/kubeconfig" >&2; exit 1')
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    named = [path for path in fixture.folder.rglob("*") if path.is_file() and path != fixture.trace("kubeconfig")]
    assert fixture.trace("environment") in named
    assert not [path for path in named if b"token-1" in path.read_bytes()]
    result = fixture.helm.result("intra", "cr")
    assert result
    assert '"token": "***"' in result.message


async def test_the_token_outlives_the_longest_end_of_its_run(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(replace(DESIRED, timeout_seconds=900))
    await fixture.ended()
    assert fixture.identity.issued == [("intra/harbor-release", 120 + 900 + 30 + 30 + 60)]


async def test_a_run_that_had_to_wait_gets_a_fresh_token(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    await fixture.helm.start_upgrade(replace(DESIRED, name="other"))
    fixture.then("exit 0")
    os.killpg(_child(fixture.helm, "cr"), signal.SIGKILL)
    await fixture.ended("other")
    assert "token-3" in fixture.trace("kubeconfig", "other").read_text()


async def test_a_run_that_gets_no_fresh_token_fails_by_name(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    await fixture.helm.start_upgrade(replace(DESIRED, name="other"))
    fixture.identity.error = Refused(Reason.RELEASE_SERVICE_ACCOUNT_MISSING, "the account is gone")
    os.killpg(_child(fixture.helm, "cr"), signal.SIGKILL)
    await fixture.ended("other")
    result = fixture.helm.result("intra", "other")
    assert result
    assert (result.succeeded, result.message) == (False, "the account is gone")


async def test_without_a_token_nothing_starts(fixture: HelmProcessFixture) -> None:
    fixture.identity.error = Refused(Reason.RELEASE_SERVICE_ACCOUNT_MISSING, "no such account")
    with pytest.raises(Refused, match="no such account"):
        await fixture.helm.start_upgrade(DESIRED)
    assert fixture.helm.running("intra", "cr") is None
    assert not fixture.trace("arguments").exists()


async def test_helm_gets_the_archive_that_was_compared(fixture: HelmProcessFixture) -> None:
    """Finding S8: nothing can replace it between the check and the run."""
    content = (fixture.folder / "chart.tgz").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    fixture.then('for word in "$@"; do cat "$word" > "$here/$2/$(basename "$word")"; done 2>/dev/null; exit 0')
    await fixture.helm.start_upgrade(replace(DESIRED, chart_digest=digest))
    await fixture.ended()
    arguments = fixture.trace("arguments").read_text()
    assert f"--description chart {digest}" in arguments
    archive = re.findall(r"/proc/self/fd/(\d+)", arguments)[-1]
    assert fixture.trace(archive).read_bytes() == content


async def test_another_archive_ends_the_run_before_helm_acts(fixture: HelmProcessFixture) -> None:
    """Finding S8."""
    await fixture.helm.start_upgrade(replace(DESIRED, chart_digest=f"sha256:{'0' * 64}", access_digest="a"))
    await fixture.ended()
    assert not fixture.trace("arguments").exists()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert (result.reason, result.is_refused) == (Reason.CHART_DIGEST_MISMATCH, True)
    assert (result.failures, result.access_digest) == (1, "a")


async def test_helm_is_limited_in_memory_and_in_the_size_of_files(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    child = _child(fixture.helm, "cr")
    assert resource.prlimit(child, resource.RLIMIT_DATA) == (512 << 20,) * 2
    assert resource.prlimit(child, resource.RLIMIT_FSIZE) == (32 << 20,) * 2


async def test_a_crash_is_not_reported_as_a_dump(fixture: HelmProcessFixture) -> None:
    fixture.then("echo 'fatal error: runtime: out of memory' >&2; exit 2")
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert "it crashed (status 2)" in result.message
    assert "512 MiB" in result.message
    assert "runtime" not in result.message


async def test_helm_works_where_no_name_of_a_chart_is_an_entry(fixture: HelmProcessFixture) -> None:
    """Helm prefers a directory of its working directory to a chart of the same name in the repository."""
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    assert fixture.trace("entries").read_text() == ""


def _child(helm: SubprocessHelm, name: str) -> int:
    child = helm._runs["intra", name].child
    assert child
    return child.pid
