"""What is recorded of a run, from the report of pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.process import LabError
from lab.version_runs import main, read
from lab.versions import POSTGRES

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest" tests="6" failures="1" errors="1" skipped="2">
<properties>{properties}</properties>
<testcase name="a"/><testcase name="b"/><testcase name="c"><failure/></testcase><testcase name="d"><error/></testcase>
<testcase name="e"><skipped message="no TLS"/></testcase><testcase name="f"><skipped message="no TLS"/></testcase>
</testsuite></testsuites>"""


def report(path: Path, *releases: str) -> Path:
    properties = "".join(f'<property name="postgres" value="{release}"/>' for release in releases)
    target = path / "report.xml"
    target.write_text(REPORT.format(properties=f'<property name="redis" value="7"/>{properties}'))
    return target


def test_release_and_counts_are_read(tmp_path: Path) -> None:
    expected = {"release": "13.23", "passed": 2, "failed": 2, "skipped": {"no TLS": 2}}
    assert read(report(tmp_path, "13.23"), POSTGRES, "13") == expected


@pytest.mark.parametrize("releases", [(), ("15.18",), ("13.23", "15.18")])
def test_a_run_on_another_version_is_not_recorded(tmp_path: Path, releases: tuple[str, ...]) -> None:
    with pytest.raises(LabError, match=r"^postgres-13 was to run, but the servers report: "):
        read(report(tmp_path, *releases), POSTGRES, "13")


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["postgres-9"]) == 2
    assert "there is no version 'postgres-9'; known are kubernetes-1.33, " in capsys.readouterr().err
