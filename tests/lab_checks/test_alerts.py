"""The shipped alerts, as promtool understands them: valid, and firing exactly when tests/alerts says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.debian import Tool
from lab.process import LabError
from lab.prometheus import promtool
from tests.monitoring import ALERT_TESTS, RULES, rule_file

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def tool() -> Tool:
    try:
        return promtool()
    except LabError as error:
        pytest.skip(f"promtool is absent: {error}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests of the alerts beside a rule file, as promtool reads them."""
    folder = tmp_path_factory.mktemp("alerts")
    shutil.copytree(ALERT_TESTS, folder, dirs_exist_ok=True)
    (folder / RULES).write_text(yaml.safe_dump(rule_file()))
    return folder


def run(tool: Tool, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **tool.env}
    command = [str(tool.path), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_rules_are_valid(tool: Tool, folder: Path) -> None:
    done = run(tool, folder, "check", "rules", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in ALERT_TESTS.glob("*.yaml")))
def test_an_alert_fires_when_it_should(tool: Tool, folder: Path, name: str) -> None:
    done = run(tool, folder, "test", "rules", name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reports_an_alert_that_was_not_expected(tool: Tool, folder: Path) -> None:
    """The tests above would be worthless if promtool accepted anything."""
    content = yaml.safe_load((folder / "HarborOperatorAbsent.yaml").read_text())
    for check in (check for test in content["tests"] for check in test["alert_rule_test"]):
        check["exp_alerts"] = []
    (folder / "silent.yaml").write_text(yaml.safe_dump(content))
    done = run(tool, folder, "test", "rules", "silent.yaml")
    assert done.returncode == 1
    assert "HarborOperatorAbsent" in done.stderr
