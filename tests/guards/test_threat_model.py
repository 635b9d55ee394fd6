"""The threat model cannot claim what no test proves: every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"\b(test_\w+)`", PAGE))
    assert len(named) > 10
    assert {name for name in named if f"def {name}(" not in TESTS} == set()


def test_every_file_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)", PAGE))
    assert named
    assert {path for path in named if not (ROOT / path).is_file()} == set()


def test_every_claim_and_attack_names_a_test() -> None:
    rows = [line for line in PAGE.split("## What each identity can do")[1].splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.startswith(("| Claim |", "| Attack |"))]
    assert [row for row in claims if "tests/" not in row and "test_" not in row] == []
