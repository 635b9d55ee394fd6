"""Random changes of a spec and of its Secrets on real servers, and the rules of docs/reliability.md after each.

`CAMPAIGN_SEED` chooses the changes, `CAMPAIGN_CASES` says how many, and `CAMPAIGN_FULL=1` runs all. A failure writes a
file for each alarm, and `make campaign REPLAY=FILE` repeats it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab.registries import ROOT
from tests.campaign.lab_cases import lab_seed, operations
from tests.campaign.path import Finding, run_campaign
from tests.campaign.replay import Replay
from tests.campaign.schema import Spec
from tests.e2e.campaign_trial import LabTrial
from tests.e2e.dedicated import DedicatedLab, dedicated_lab, lab_of_module  # noqa: F401 - fixtures

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the lab has Ceph and nginx on Linux only"),
]

KUBELET = False
RANDOM_SEED = int(os.environ.get("CAMPAIGN_SEED") or "1")
CASES = int(os.environ.get("CAMPAIGN_CASES") or "30")
DIRECTORY = ROOT / "dist" / "campaign"


def selected() -> Replay:
    """Returns what this run does: a file, all operations, or some of them."""
    if file := os.environ.get("CAMPAIGN_REPLAY"):
        return Replay.load(Path(file))
    found = operations(RANDOM_SEED)
    return Replay(RANDOM_SEED, lab_seed(), tuple(found if os.environ.get("CAMPAIGN_FULL") else found[:CASES]))


def reported(findings: Iterable[Finding], seed: int, spec: Spec) -> str:
    """Writes a file for each finding, and returns the alarms with the commands that repeat them."""
    lines = [f"CAMPAIGN_SEED={seed}"]
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for number, finding in enumerate(findings, 1):
        path = DIRECTORY / f"seed-{seed}-{number}.json"
        path.write_text(Replay(seed, spec, finding.operations, str(finding.alarm)).text())
        names = ", then ".join(operation.name for operation in finding.operations)
        lines += [f"{names}: {finding.alarm}", f"repeat it: make campaign REPLAY={path.relative_to(ROOT)}"]
    return "\n".join(lines)


def test_random_changes_break_no_rule(dedicated: DedicatedLab) -> None:
    replay = selected()
    print(f"CAMPAIGN_SEED={replay.seed}: {len(replay.operations)} operations")
    trial = LabTrial(dedicated, replay.spec)
    trial.set_up()
    findings = run_campaign(trial, replay.spec, replay.operations)
    assert not findings, reported(findings, replay.seed, replay.spec)
