"""The main job and the clients of the operator in networks with IPv6 only, and with names of two addresses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.networks import DUAL_STACK, IPV6, ROOT
from lab.node.programs import missing_requirement

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no network namespaces here: {missing_requirement()}"),
]

CLIENTS = [f"tests/contract/test_{name}.py" for name in ("cluster", "redis", "rgw_admin", "swift", "database_login")]
PULL = "tests/e2e/test_main_job.py::test_an_image_pushed_by_the_admin_is_pulled_with_the_pull_secret"
"""skopeo of Debian 12 accepts no image reference with an IPv6 address."""
TESTS = {
    IPV6: [
        "tests/e2e/test_main_job.py",
        f"--deselect={PULL}",
        *CLIENTS,
        "tests/contract/test_allowed_hosts.py",
        "tests/contract/test_proxies.py",
    ],
    DUAL_STACK: CLIENTS,
}


@pytest.mark.parametrize("network", TESTS)
def test_the_tests_pass_in_the_network(network: str) -> None:
    command = [sys.executable, "-m", "lab.networks", network, "--", "-q", "-k", "not fake", *TESTS[network]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
