"""How a run is split among worker processes, its header, and the servers that it started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from lab.node.choice import choose
from lab.process import TIMEOUT_FACTOR, LabError
from lab.versions import SERVERS

TESTS = Path(__file__).parent
WORKERS_PER_CORE = 2
"""Most tests wait for servers."""
MIB_PER_WORKER = 3072
"""What a worker needs at most: two labs, each with a node on which a Harbor runs."""
SLOWEST_FIRST = ("e2e", "lab_checks", "contract")
"""The folders with which a run begins, so that at its end no worker is left alone with a slow module."""
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault(TIMEOUT_FACTOR, "3")  # the servers of several labs compete for the processor

settings.register_profile("suite", deadline=None)  # how fast an example is depends on the load of the machine
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def started_releases(record_testsuite_property: Callable[[str, object], None]) -> Iterator[None]:
    """Adds the releases of all started servers to the report (`--junit-xml`) of a run in one process."""
    yield
    for server in SERVERS:
        for release in sorted(server.started):
            record_testsuite_property(server.key, release)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Returns the number of workers for `-n auto`."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(1, min(WORKERS_PER_CORE * (os.cpu_count() or 1), memory_mib // MIB_PER_WORKER))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the slow folders to the front."""
    items.sort(key=_position)


def _position(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> None:
    """Reports the kind of node once; only the workers collect the tests."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(_node())


def pytest_report_collectionfinish(items: Sequence[pytest.Item]) -> str:
    """Reports the kind of node if the run contains end-to-end tests."""
    if not any(item.get_closest_marker("e2e") for item in items):
        return ""
    return _node()


def _node() -> str:
    try:
        return choose().describe()
    except LabError as error:
        raise pytest.UsageError(str(error)) from None
