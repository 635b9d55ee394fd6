"""The text and the JSON of `plan`, and what it says without the whole package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harbor_operator.kubectl.plan import Action, Line, as_json, text_of
from tools.kubectl_archive import build

LINES = [
    Line("spec.database", Action.CREATE, "role 'harbor'", ("CREATE ROLE harbor", "GRANT harbor TO CURRENT_USER")),
    Line("spec.database", Action.KEEP, "database 'registry'"),
    Line("spec.cache", Action.CONFLICT, "it is a cluster", (), "CacheIsCluster", "Use a primary."),
    Line("spec.projects", Action.UNOBSERVED, "Harbor does not answer"),
]


def test_the_text_is_in_sections_with_details_and_remedies() -> None:
    assert list(text_of("intra/cr", LINES)) == [
        "intra/cr: 1 create, 0 change, 0 remove, 1 keep, 1 conflict, 1 not observed",
        "",
        "spec.database",
        "  + create       role 'harbor'",
        "      CREATE ROLE harbor",
        "      GRANT harbor TO CURRENT_USER",
        "  = keep         database 'registry'",
        "",
        "spec.cache",
        "  ✘ conflict     CacheIsCluster",
        "      it is a cluster",
        "      Remedy: Use a primary.",
        "",
        "spec.projects",
        "  ? not observed Harbor does not answer",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (LINES[:1], (True, False, True)),
        (LINES[1:2], (False, False, True)),
        (LINES[2:3], (False, True, True)),
        (LINES[3:], (False, False, False)),
    ],
)
def test_the_json_says_what_the_lines_amount_to(lines: list[Line], expected: tuple[bool, bool, bool]) -> None:
    found = as_json("intra/cr", lines)
    assert (found["changes"], found["conflicts"], found["complete"]) == expected
    assert found["lines"][0]["details"] == [*lines[0].details]


def test_the_single_file_names_the_package(tmp_path: Path) -> None:
    program = build(tmp_path / "kubectl-harbor")
    command = [sys.executable, "-I", "-S", str(program), "plan", "-f", "registry.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `plan` needs the whole package")
