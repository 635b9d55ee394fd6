"""How Helm is started, gets its values, reports and ends: with a script in its place, so that no server is needed."""

from __future__ import annotations

import asyncio
import base64
import stat
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.helm_charts import locate_chart
from harbor_operator.model.release import DesiredRelease
from harbor_operator.ports import Refused

SECRET = "hush-hush-hush"
DEADLINE = 30.0

# Leaves its arguments, its environment and its input behind, then does what the file `then` says.
SCRIPT = """#!/bin/sh
here=$(dirname "$0")
mkdir -p "$here/$2"
echo "$@" > "$here/$2/arguments"
env > "$here/$2/environment"
cat > "$here/$2/input"
. "$here/then"
"""
WAIT = """
trap 'echo stopped > "$here/$2/stopped"; kill $child; exit 1' TERM
sleep 60 & child=$!
touch "$here/$2/waits"
wait $child
"""
DESIRED = DesiredRelease(
    namespace="intra",
    name="cr",
    chart="harbor",
    repository="https://charts.example.com",
    version="1.19.1",
    values={"password": SecretStr(SECRET), "chunksize": "20971520", "umlaut": "ü"},
    labels={"a": "1", "b": "2"},
    digest="digest",
    timeout_seconds=60,
    secrets=(SecretStr(SECRET), SecretStr("no")),
)


@dataclass
class HelmProcessFixture:
    """A Helm whose program is a script, and the folder where the script leaves its traces."""

    folder: Path
    helm: SubprocessHelm

    def then(self, script: str) -> None:
        (self.folder / "then").write_text(script)

    def trace(self, what: str, name: str = "cr") -> Path:
        return self.folder / name / what

    async def until(self, path: Path) -> None:
        async with asyncio.timeout(DEADLINE):
            while not path.exists():  # noqa: ASYNC110, ASYNC240 - a file of another process has no event
                await asyncio.sleep(0.01)

    async def ended(self, name: str = "cr") -> None:
        async with asyncio.timeout(DEADLINE):
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
        kubeconfig=tmp_path / "kubeconfig",
        parallel=1,
        environment={"HTTPS_PROXY": "http://proxy.example.com"},
    )
    made = HelmProcessFixture(tmp_path, SubprocessHelm(settings, lambda: datetime.now(UTC)))
    made.then("exit 0")
    yield made
    await made.helm.aclose()


async def test_arguments_say_everything_but_the_values(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    arguments = fixture.trace("arguments").read_text()
    assert arguments.split()[:5] == ["upgrade", "cr", "harbor", "--install", "--namespace"]
    for words in (
        "--namespace intra",
        "--version 1.19.1",
        "--repo https://charts.example.com",
        "--values -",
        "--labels a=1,b=2",
        "--timeout 60s",
        "--history-max 10",
        f"--kubeconfig {fixture.folder / 'kubeconfig'}",
    ):
        assert words in arguments
    assert SECRET not in arguments + fixture.trace("environment").read_text()


async def test_values_come_by_standard_input(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    assert yaml.safe_load(fixture.trace("input").read_text()) == {
        "password": SECRET,
        "chunksize": "20971520",
        "umlaut": "ü",
    }
    assert SECRET not in "".join(p.read_text() for p in (fixture.folder / "home").rglob("*") if p.is_file())


async def test_environment_is_what_was_given_and_homes_of_its_own(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    environment = fixture.trace("environment").read_text()
    assert "HTTPS_PROXY=http://proxy.example.com" in environment
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
    settings = HelmSettings(str(tmp_path / "absent"), tmp_path / "home")
    fixture = HelmProcessFixture(tmp_path, SubprocessHelm(settings, lambda: datetime.now(UTC)))
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert "absent' could not be started: No such file" in result.message


async def test_closing_asks_helm_to_stop_and_waits_for_its_end(fixture: HelmProcessFixture) -> None:
    fixture.then(WAIT)
    await fixture.helm.start_upgrade(DESIRED)
    await fixture.until(fixture.trace("waits"))
    async with asyncio.timeout(DEADLINE):
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
    settings = HelmSettings(str(tmp_path / "helm"), tmp_path / "home", grace_seconds=0.3)
    fixture.helm = SubprocessHelm(settings, lambda: datetime.now(UTC))
    fixture.then(script)
    await fixture.helm.start_upgrade(replace(DESIRED, timeout_seconds=0))
    await fixture.ended()
    result = fixture.helm.result("intra", "cr")
    assert result
    assert "did not end within" in result.message


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


async def test_uninstall_tolerates_what_is_gone(fixture: HelmProcessFixture) -> None:
    await fixture.helm.start_uninstall("intra", "cr", 30)
    await fixture.ended()
    assert "uninstall cr --namespace intra --ignore-not-found --timeout 30s" in fixture.trace("arguments").read_text()


def chart(folder: Path, version: str = "1.19.1") -> Path:
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"name": "harbor", "version": version}))
    return folder


def test_repository_charts_and_oci_references_are_left_to_helm(tmp_path: Path) -> None:
    assert locate_chart(tmp_path, "harbor", "1.19.1").is_complete is False
    assert locate_chart(None, "oci://example.com/harbor", "1.19.1").reference == "oci://example.com/harbor"
    assert locate_chart(None, "oci://example.com/harbor", "1.19.1").is_complete


def test_baked_charts_win_over_the_repository(tmp_path: Path) -> None:
    baked = chart(tmp_path / "harbor-1.19.1")
    found = locate_chart(tmp_path, "harbor", "1.19.1")
    assert (found.reference, found.is_complete) == (str(baked), True)
    assert locate_chart(tmp_path, "harbor", "1.18.4").is_complete is False


def test_archives_are_read_and_checked_for_their_version(tmp_path: Path) -> None:
    chart(tmp_path / "harbor")
    archive = tmp_path / "harbor-1.19.1.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "harbor", "harbor")
    assert locate_chart(None, str(archive), "1.19.1").reference == str(archive)
    with pytest.raises(Refused, match="use the same version"):
        locate_chart(None, str(archive), "1.18.0")


@pytest.mark.parametrize("text", [None, "", "[]", "{", "version: 1", "[" * 60_000, "a: 2026-13-01"])
def test_what_is_no_chart_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    folder = tmp_path / "harbor"
    folder.mkdir()
    if text is not None:
        (folder / "Chart.yaml").write_text(text)
    with pytest.raises(Refused, match="harbor'"):
        locate_chart(None, str(folder), "1.19.1")


def test_an_archive_without_a_chart_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(Refused, match="cannot read as a chart"):
        locate_chart(None, str(archive), "1.19.1")
