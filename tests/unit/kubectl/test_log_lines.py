"""Known problems in a file and on standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from harbor_operator.kubectl import log_lines
from harbor_operator.kubectl.cli import main

SOURCE = Path(__file__).parents[3] / "operator"
SCHEMA = json.loads((Path(log_lines.__file__).with_name("schemas") / "logs.json").read_text())
LINES = {
    "core": [
        ("2019/09/19 15:28:41 [E] [server.go:2774] MOVED 5089 192.168.64.117:6379", "CacheIsCluster"),
        ("[ERROR] [/server/middleware]: failed to refresh token, username: a, error: x", "OidcRefreshTokenMissing"),
    ],
    "registry": [
        ('level=error msg="upload resumed at wrong offest: 0 != 5242880"', "StorageBodyLimit"),
        ('level=error msg="error resolving upload: invalid secret"', "HttpSecretChanged"),
        ("panic: StorageDriver not registered: swift", "SwiftUnsupported"),
    ],
    "jobservice": [("[ERROR] timeout expired while waiting for segments of files/x to show up", "ZeroSegmentObject")],
    "containerd": [
        (
            'error="failed to pull and unpack image: failed to resolve reference \\"cr/a:1\\": not found"',
            "ImageNotFound",
        ),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "CertificateUntrusted"),
    ],
}


@pytest.mark.parametrize("component", LINES)
def test_lines_of_each_component(component: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{component}.log"
    path.write_text("\n".join(["an ordinary line", *(line for line, _ in LINES[component])]))
    assert main(["logs", "--file", str(path), "-o", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, SCHEMA)
    found = [(hit["line"], hit["problem"]) for hit in answer["hits"]]
    assert found == [(number, problem) for number, (_, problem) in enumerate(LINES[component], start=2)]


def test_standard_input() -> None:
    command = [sys.executable, "-m", "harbor_operator.kubectl", "logs", "--file", "-"]
    text, env = "MOVED 1 10.0.0.1:6379\n" * 9, {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 1
    assert done.stdout.startswith("CacheIsCluster  (9 lines)\n  -:1: MOVED 1 10.0.0.1:6379\n")
    assert "  and 4 more, the last one at -:9\n" in done.stdout
    assert "  Remedy: Use a single primary" in done.stdout


def test_nothing_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"fine\n\xff\xfe\n")
    assert main(["logs", "--file", str(path)]) == 0
    assert capsys.readouterr() == ("", "no line shows a known problem\n")


def test_a_file_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--file", "/nowhere"]) == 2
    assert "error: `--file /nowhere` cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "has_log"),
    [
        ({"state": {"running": {}}}, True),
        ({"state": {"terminated": {}}}, True),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {}}}, True),
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}}, False),
        ({}, False),
    ],
)
def test_a_container_that_has_not_started_has_no_log(status: dict[str, object], *, has_log: bool) -> None:
    pod = {"status": {"containerStatuses": [{"name": "core", **status}]}}
    assert log_lines.containers_with_log(pod) == (["core"] if has_log else [])
    assert log_lines.containers_with_log({"status": {}}) == []
