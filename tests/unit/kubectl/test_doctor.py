"""The text of `doctor`, and what it says without the whole package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harbor_operator.kubectl.doctor import as_mapping, lines
from harbor_operator.kubectl.findings import Finding, Level
from harbor_operator.kubectl.output import write_json, write_yaml
from tools.kubectl_archive import build

PASSED = Finding(Level.OK, "Converged", "spec.cache", "Redis 7 is a primary", "")
WARNED = Finding(Level.WARNING, "SwiftSunset", "spec.storage", "the driver ends", "Move to S3.")
FAILED = Finding(Level.ERROR, "DatabaseUnreachable", "spec.database", "it does not answer", "Open the port.")


def test_each_finding_has_its_place_code_text_and_remedy() -> None:
    assert list(lines("intra/cr", [FAILED, PASSED, WARNED])) == [
        "intra/cr",
        "✘ spec.database      DatabaseUnreachable",
        "    it does not answer",
        "    Remedy: Open the port.",
        "✔ spec.cache         Converged",
        "    Redis 7 is a primary",
        "! spec.storage       SwiftSunset",
        "    the driver ends",
        "    Remedy: Move to S3.",
    ]


def test_yaml_and_json_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = as_mapping("intra/cr", [FAILED, PASSED])
    write_json(found)
    as_json = json.loads(capsys.readouterr().out)
    write_yaml(found)
    assert yaml.safe_load(capsys.readouterr().out) == as_json
    assert (as_json["ok"], as_json["findings"][0]["level"]) == (False, "error")
    assert as_mapping("intra/cr", [PASSED, WARNED])["ok"]


def test_the_single_file_names_the_package(tmp_path: Path) -> None:
    program = build(tmp_path / "kubectl-harbor")
    command = [sys.executable, "-I", "-S", str(program), "doctor", "-f", "registry.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `doctor` needs the whole package")
