"""Runs the tests of each server on the versions that the lab can start, and records the results for docs/versions.md.

    python -m lab.version_runs                           every version of every server
    python -m lab.version_runs kubernetes-1.33 redis-6.2 these

Each version gets one run of pytest. Its result replaces the earlier one of this version in docs/versions.json;
`make docs` writes the page. The recorded release is the one that the servers of the run reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from lab.node.choice import KWOK, VARIABLE
from lab.process import LabError
from lab.versions import CEPH, KUBERNETES, POSTGRES, REDIS, SERVERS, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "versions.json"
TESTS: dict[str, tuple[str, ...]] = {
    KUBERNETES.key: (
        "tests/contract/test_admission.py",
        "tests/contract/test_admission_effect.py",
        "tests/contract/test_cluster.py",
        "tests/contract/test_cluster_identity.py",
        "tests/contract/test_conflicts.py",
        "tests/contract/test_denials.py",
        "tests/contract/test_flow_control.py",
        "tests/contract/test_gitops_apply.py",
        "tests/contract/test_injector.py",
        "tests/contract/test_kube.py",
        "tests/contract/test_kubeconfig.py",
        "tests/contract/test_leader_election.py",
        "tests/contract/test_migration.py",
        "tests/contract/test_operator_chart_install.py",
        "tests/contract/test_pods.py",
        "tests/contract/test_registry_status.py",
        "tests/contract/test_release_rights.py",
        "tests/contract/test_release_secret.py",
        "tests/contract/test_secret_changes.py",
        "tests/contract/test_selection.py",
        "tests/e2e/test_crd_rules.py",
    ),
    POSTGRES.key: (
        "tests/contract/test_postgres.py",
        "tests/contract/test_database_identity.py",
        "tests/contract/test_database_login.py",
        "tests/contract/test_database_step.py",
    ),
    REDIS.key: ("tests/contract/test_redis.py",),
    CEPH.key: (
        "tests/contract/test_rgw_admin.py",
        "tests/contract/test_storage_on_rgw.py",
        "tests/contract/test_swift.py",
    ),
}
"""The tests of each server, by its key."""


def main(names: Sequence[str]) -> int:
    """Returns 1 if a run failed, 2 if a name is unknown, else 0."""
    known = {server.name(version): (server, version) for server in SERVERS for version in server.versions}
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"there is no version '{unknown[0]}'; known are {', '.join(known)}\n")
        return 2
    recorded = {result["name"]: result for result in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    failed = False
    for name in names or known:
        try:
            result = run(*known[name])
        except LabError as error:
            print(f"{name}: {error}", flush=True)
            failed = True
            continue
        print(f"{name}: {result['release']}: {result['passed']} passed, {result['failed']} failed", flush=True)
        failed = failed or result["failed"] > 0
        recorded[name] = result
        RESULTS.write_text(json.dumps([recorded[name] for name in known if name in recorded], indent=1) + "\n")
    return int(failed)


def run(server: Server, version: str) -> dict[str, Any]:
    """Runs the tests of a server on one version. Raises LabError if they did not run, or not on this version."""
    print(f"== {server.name(version)}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        # Without the cases of the fakes, which the same test files contain.
        options = ["-q", "-n0", "-k", "not fake", f"--junit-xml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *TESTS[server.key]]
        # The node runs nothing in these tests, and a simulated one starts with every version.
        env = {**os.environ, server.variable: version, VARIABLE: KWOK}
        done = subprocess.run(command, cwd=ROOT, env=env, check=False)
        if not report.exists():
            raise LabError(f"pytest ended with status {done.returncode} and without a report")
        return {"name": server.name(version), "date": f"{datetime.now(UTC):%Y-%m-%d}", **read(report, server, version)}


def read(report: Path, server: Server, version: str) -> dict[str, Any]:
    """Returns release and counts of a report in JUnit's format. Raises LabError if another version ran."""
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - written by pytest a moment ago
    if suite is None:
        raise LabError(f"'{report}' contains no test suite")
    releases = {item.get("value", "") for item in suite.iter("property") if item.get("name") == server.key}
    if len(releases) != 1 or not all(release.startswith(version) for release in releases):
        seen = ", ".join(sorted(releases)) or "nothing"
        raise LabError(f"{server.name(version)} was to run, but the servers report: {seen}")
    skipped = Counter(item.get("message", "") for item in suite.iter("skipped"))
    failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
    return {
        "release": releases.pop(),
        "passed": int(suite.get("tests", "0")) - failed - skipped.total(),
        "failed": failed,
        "skipped": dict(sorted(skipped.items())),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
