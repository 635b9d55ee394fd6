"""A plan of the release: what Helm would be started with."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.plan import Action, Line
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.kubectl.planning.releases import PlannedHelm, record_release
from harbor_operator.steps.release import ReleaseStep
from tests.fakes.release import generator
from tests.fakes.release_fixture import ReleaseFixture


async def plan(fixture: ReleaseFixture) -> Line | None:
    """Returns the line of the release; None if Helm would not run."""
    helm, recorder = PlannedHelm(), Recorder(lambda: SecretStr("made"))
    step = ReleaseStep(fixture.kube, fixture.postgres, helm, generator(), lambda: fixture.now)
    await step.reconcile(fixture.registry)
    if helm.desired is None:
        return None
    await record_release(fixture.kube, fixture.registry, helm.desired, recorder)
    (line,) = recorder.lines
    return line


async def test_an_installation_shows_all_values() -> None:
    fixture = ReleaseFixture()
    line = await plan(fixture)
    assert line
    assert (line.action, line.subject) == (Action.CREATE, "Helm release 'intra/cr'")
    assert line.details[0] == "install with chart 'harbor' 1.19.1 from https://helm.goharbor.io"
    assert "+externalURL: https://cr.example.com" in line.details
    assert fixture.revisions() == []


async def test_a_release_as_desired_is_none() -> None:
    fixture = ReleaseFixture()
    await fixture.deployed()
    assert await plan(fixture) is None


@pytest.mark.parametrize("failed", [False, True])
async def test_an_upgrade_is_compared_with_what_runs(failed: bool) -> None:
    fixture = ReleaseFixture()
    fixture.spec("1.18.3")
    await fixture.deployed()
    if failed:
        fixture.spec("1.18.3", expose={"type": "clusterIP"})
        await fixture.reconcile()
        fixture.finish("timed out")
    fixture.upgrade("1.19.1")
    line = await plan(fixture)
    assert line
    assert line.action is Action.CHANGE
    assert line.details[0] == "upgrade with chart 'harbor' 1.18.3 -> 1.19.1 from https://helm.goharbor.io"
    assert not any("clusterIP" in detail for detail in line.details)
