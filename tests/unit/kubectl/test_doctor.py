"""The text of `doctor`, and what it says without the whole package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harbor_operator.kubectl.doctor import Finding, Level, has_error, lines
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


def test_only_an_error_counts() -> None:
    assert has_error([PASSED, FAILED])
    assert not has_error([PASSED, WARNED])


def test_the_single_file_names_the_package(tmp_path: Path) -> None:
    program = build(tmp_path / "kubectl-harbor")
    command = [sys.executable, "-I", "-S", str(program), "doctor", "-f", "registry.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `doctor` needs the whole package")
