"""The entry points: exit codes, help of every verb, and what is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harbor_operator import __version__
from harbor_operator.kubectl.cli import main
from harbor_operator.kubectl.verbs import VERBS

SOURCE = Path(__file__).parents[3] / "operator"
FORBIDDEN = {
    "aiohttp", "asyncio", "cryptography", "harbor_operator.api.v1alpha1", "harbor_operator.settings", "kopf",
    "kubernetes", "msgspec", "pydantic", "rich", "uvloop", "yaml",
}  # fmt: skip
CODE = """
import json, sys
from harbor_operator.kubectl.cli import complete, main
try:
    {call}
except SystemExit:
    pass
json.dump(sorted(sys.modules), sys.stderr)
"""


def loaded(call: str) -> set[str]:
    """Returns the modules that a new process has loaded after a call."""
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {CODE.format(call=call)}"]
    done = subprocess.run(
        [*command[:3], f"import sys\nsys.path.insert(0, {str(SOURCE)!r})\n{CODE.format(call=call)}"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "call",
    [
        "main(['--help'])",
        "main(['status', '--help'])",
        "main(['explain', 'DatabaseBusy'])",
        "complete(['s'])",
        "complete(['explain', 'Data'])",
    ],
)
def test_nothing_slow_is_imported(call: str) -> None:
    modules = loaded(call)
    assert modules & FORBIDDEN == set()
    if "explain" not in call:
        assert not any(module.startswith("harbor_operator.checks") for module in modules)


@pytest.mark.parametrize(
    ("call", "unneeded"),
    [
        ("main(['--help'])", {"datetime", "shutil", "signal", "subprocess", "tempfile"}),
        ("complete(['s'])", {"argparse", "datetime", "shutil", "signal", "subprocess", "tempfile"}),
    ],
)
def test_help_and_completion_import_only_what_they_need(call: str, unneeded: set[str]) -> None:
    assert loaded(call) & unneeded == set()


@pytest.mark.parametrize(("columns", "expected"), [("60", 60), ("120", 120), ("", 80), ("wide", 80)])
def test_help_is_as_wide_as_the_terminal(columns: str, expected: int) -> None:
    command = [sys.executable, "-m", "harbor_operator.kubectl", "--help"]
    env = {"PYTHONPATH": str(SOURCE), "COLUMNS": columns}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, env=env)
    assert expected - 25 < max(map(len, done.stdout.splitlines())) <= expected


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"usage: kubectl harbor {verb}" in capsys.readouterr().out


def test_wrong_usage_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["fly"], ["status", "--output", "csv"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "kubectl harbor" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


def test_without_kubectl_the_error_names_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harbor_operator.kubectl", "status"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path), "PYTHONPATH": str(SOURCE)}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no `kubectl` on PATH")
