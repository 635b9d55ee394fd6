"""Which node a lab takes, as told by a process of its own: the environment, the user and the machine decide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.node.choice import VARIABLE
from lab.node.programs import obstacle

ROOT = Path(__file__).parents[2]
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def told(asked: str = "", *, user: int | None = None, path: str | None = None) -> str:
    """What is said of the choice with this value of the variable, as this user, with this PATH."""
    become = "" if user is None else f"import os; os.setuid({user}); "
    code = f"from lab.node.choice import choose; {become}print(choose().describe())"
    env = {**os.environ, VARIABLE: asked, **({} if path is None else {"PATH": path})}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[-1]


def test_the_environment_decides_first() -> None:
    assert told("kwok") == "Node: KWOK, pods only pretend: `HARBOR_LAB_NODE` asks for it"
    assert told("kubelet") == "Node: real kubelet, pods run: `HARBOR_LAB_NODE` asks for it"
    assert told("docker").endswith("`HARBOR_LAB_NODE` is 'docker'; it may be 'kwok' or 'kubelet'")


@pytest.mark.skipif(bool(obstacle()), reason=f"no real node here: {obstacle()}")
def test_the_real_node_is_taken_where_nothing_stands_in_its_way() -> None:
    assert told() == "Node: real kubelet, pods run: this machine has all that it needs"


@AS_ROOT
def test_what_stands_in_its_way_is_named(tmp_path: Path) -> None:
    assert told(user=NOBODY) == "Node: KWOK, pods only pretend: the kubelet needs root"
    assert told(path=str(tmp_path)) == "Node: KWOK, pods only pretend: the node needs 'unshare' on PATH"
