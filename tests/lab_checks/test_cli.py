"""The lab in the background: `up`, `status` and `down`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lab.chart import LAB_CHART, VARIABLE
from lab.gotools import program
from lab.node.choice import KWOK
from lab.node.choice import VARIABLE as NODE_VARIABLE

ROOT = Path(__file__).parents[2]


def lab(command: str, runtime: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), VARIABLE: str(LAB_CHART), NODE_VARIABLE: KWOK}
    argv = [sys.executable, "-m", "lab", command]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)


def kubeconfig(lines: str) -> str:
    words = [shlex.split(line, comments=True) for line in lines.splitlines()]
    return next(word[1].partition("=")[2] for word in words if word[:1] == ["export"])


@pytest.mark.lab
def test_a_background_lab_works_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert lab("status", tmp_path).returncode == 1
    started = lab("up", tmp_path)
    try:
        config = kubeconfig(started.stdout)
        argv = [str(program("kubectl")), "--kubeconfig", config, "get", "nodes", "-o", "name"]
        nodes = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        assert nodes.strip() == "node/lab"
        assert lab("up", tmp_path).stdout == started.stdout
    finally:
        ended = lab("down", tmp_path)
    assert ended.returncode == 0
    assert not Path(config).exists()
    assert lab("status", tmp_path).returncode == 1
    assert lab("down", tmp_path).returncode == 0
