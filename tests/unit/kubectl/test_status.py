"""The text of `status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from harbor_operator.kubectl.status import as_json, lines

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    time = "2026-01-01T11:00:00Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time}


def registry(**status: Any) -> dict[str, Any]:
    metadata = {"namespace": "intra", "name": "cr", "generation": 2}
    spec = {"externalURL": "https://cr.example.com"}
    return {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 2, **status}}


def text(found: dict[str, Any]) -> str:
    return "\n".join(lines(found, NOW))


def test_a_registry_that_was_never_seen() -> None:
    assert text(registry(conditions=[])).splitlines() == [
        "intra/cr  https://cr.example.com",
        "? Ready: the operator has not seen this HarborRegistry yet; check that it runs",
    ]


def test_causes_have_a_remedy_and_what_follows_them_has_none() -> None:
    conditions = [
        condition("DatabaseReady", "False", "DatabaseBusy", "another operator works on it"),
        condition("ReleaseReady", "Unknown", "WaitingForDependency", "waits for DatabaseReady"),
        condition("Ready", "False", "DatabaseBusy"),
        condition("Stalled", "True", "DatabaseBusy"),
    ]
    found = text(registry(conditions=conditions, harborVersion="2.15.1"))
    assert "intra/cr  https://cr.example.com  (Harbor 2.15.1)" in found
    assert "✘ Ready              False    DatabaseBusy  1h, Stalled" in found
    assert "├─ ✘ DatabaseReady      False    DatabaseBusy  1h" in found
    assert "└─ ? ReleaseReady       Unknown  WaitingForDependency  1h" in found
    assert found.count("Remedy:") == 1
    assert list(as_json(registry(conditions=conditions))["remedies"]) == ["DatabaseBusy"]


def test_an_upgrade_has_its_path_and_what_it_waits_for() -> None:
    backup = "a backup that is newer than 2026-03-02T08:15:00Z"
    first = {"version": "1.17.4", "harborVersion": "2.13", "migratesDatabase": True}
    second = {"version": "1.17.5", "harborVersion": "2.13", "migratesDatabase": False}
    steps = [
        {**first, "waitsFor": ["`spec.release.allowUpgradeTo` '1.17.4'", backup]},
        {**second, "waitsFor": ["the upgrade to 1.17.4"]},
    ]
    found = registry(conditions=[], upgrade={"current": "1.15.2", "target": "1.17.5", "steps": steps})
    assert text(found).splitlines()[2:] == [
        "Upgrade from chart 1.15.2 to 1.17.5:",
        "  chart 1.17.4 (Harbor 2.13, migrates the database)",
        "      waits for `spec.release.allowUpgradeTo` '1.17.4'",
        f"      waits for {backup}",
        "  chart 1.17.5 (Harbor 2.13)",
        "      waits for the upgrade to 1.17.4",
    ]
    schema = json.loads((files("harbor_operator.kubectl") / "schemas" / "status.json").read_text())
    jsonschema.validate({"version": 1, "registries": [as_json(found)]}, schema)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("ReleaseUpgrading", "      runs now"), ("ValuesConflict", "      is confirmed: see ReleaseReady")],
)
def test_an_upgrade_that_is_confirmed(reason: str, shown: str) -> None:
    step = {"version": "1.17.4", "harborVersion": "2.13", "migratesDatabase": True, "waitsFor": []}
    conditions = [condition("ReleaseReady", "False", reason)]
    found = text(registry(conditions=conditions, upgrade={"current": "1.15.2", "target": "1.17.4", "steps": [step]}))
    assert found.splitlines()[-1] == shown


def test_a_status_of_an_older_spec_says_so() -> None:
    found = text(registry(conditions=[condition("Ready", "True", "Converged")], observedGeneration=1))
    assert "not for the current spec yet" in found


def test_namespaces_and_credential() -> None:
    failures = [{"namespace": "team-a", "reason": "ForeignSecret", "message": "delete it"}]
    # Its Secret is written, so it does not count as failed.
    failures.append({"namespace": "team-b", "reason": "PullProofFailed", "message": "enable the account"})
    pull = {"secretName": "harbor-pull", "ready": 8, "namespaces": 11, "failed": 3, "failures": failures}
    pull |= {"robot": "robot$cr", "rotatedAt": "2025-12-22T12:00:00Z"}
    warnings = [{"code": "SwiftSunset", "message": "copy the images"}]
    found = text(registry(conditions=[], pullSecrets=pull, warnings=warnings))
    assert "Pull Secret 'harbor-pull': ready in 8 of 11 namespaces" in found
    assert "  ✘ team-a: ForeignSecret\n      delete it" in found
    assert "  ✘ team-b: PullProofFailed\n      enable the account" in found
    assert "  and 2 more failed" in found
    assert "Credential 'robot$cr': 10d old" in found
    assert "! SwiftSunset\n    copy the images" in found
