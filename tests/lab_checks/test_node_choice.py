"""Which node a lab uses: the environment, the user and the machine decide. Each case runs in a subprocess."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.node.choice import VARIABLE
from lab.node.programs import missing_requirement

ROOT = Path(__file__).parents[2]
UNPRIVILEGED_UID = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the user")


def described(asked: str = "", *, user: int | None = None, path: str | None = None) -> str:
    """Returns the description of the choice with this value of the variable, as this user, with this PATH."""
    become = "" if user is None else f"import os; os.setuid({user}); "
    code = f"from lab.node.choice import choose; {become}print(choose().describe())"
    env = {**os.environ, VARIABLE: asked, **({} if path is None else {"PATH": path})}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[-1]


def test_the_environment_variable_has_precedence() -> None:
    assert described("kwok") == "Node: KWOK, pods do not run: `HARBOR_LAB_NODE` asks for it"
    assert described("kubelet") == "Node: real kubelet, pods run: `HARBOR_LAB_NODE` asks for it"
    assert described("docker").endswith("`HARBOR_LAB_NODE` is 'docker'; allowed are 'kwok' and 'kubelet'")


@pytest.mark.skipif(bool(missing_requirement()), reason=f"no real node here: {missing_requirement()}")
def test_the_real_node_is_used_where_it_can_run() -> None:
    assert described() == "Node: real kubelet, pods run: this machine meets all requirements"


@AS_ROOT
def test_the_missing_requirement_is_named(tmp_path: Path) -> None:
    assert described(user=UNPRIVILEGED_UID) == "Node: KWOK, pods do not run: the kubelet needs root"
    assert described(path=str(tmp_path)) == "Node: KWOK, pods do not run: the node needs 'unshare' on PATH"
