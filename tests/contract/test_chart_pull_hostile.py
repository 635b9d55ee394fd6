"""A hostile chart repository costs the operator little memory, and a process of Helm its limits and no more."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from harbor_operator.adapters.chart_pull import MAX_PULL_MEMORY_MIB, ChartPuller
from harbor_operator.adapters.helm_charts import RemoteChart
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.gotools import program
from tests.contract.chart_fixture import DESIRED, index, refusal
from tests.fakes.hostile import Attack, attacking

pytestmark = pytest.mark.lab

DEADLINE_SECONDS = 4.0
GRACE_SECONDS = 10.0
MAX_PEAK_BYTES = 32 << 20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@asynccontextmanager
async def hostile(attack: Attack, place: str) -> AsyncIterator[tuple[RemoteChart, list[bytes]]]:
    """A repository whose index or whose archive is the attack."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(attacking(attack.answer))
        url = server.url
        if place == "archive":
            content = index(f"{server.url}/harbor-1.19.1.tgz")
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
            url = (await stack.enter_async_context(attacking(_once(head + content)))).url
        yield RemoteChart("harbor", url), server.requests


def _once(answer: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        yield answer

    return pieces


@pytest.mark.parametrize("attack", Attack)
@pytest.mark.parametrize("place", ["index", "archive"])
async def test_a_hostile_repository_costs_little(home: Path, attack: Attack, place: str) -> None:
    """The operator needs little memory, the process of Helm no more than its limit, and both end in time."""
    puller = ChartPuller(str(program("helm")), home, timeout_seconds=DEADLINE_SECONDS)
    children: list[asyncio.subprocess.Process] = []
    async with hostile(attack, place) as (chart, requests):
        await anext(attack.answer())  # a bomb is built before the measurement
        loop = asyncio.get_running_loop()
        watching = asyncio.create_task(watch_memory(children))
        started = loop.time()
        tracemalloc.start()
        try:
            with pytest.raises((Refused, Unavailable)) as caught:
                await puller.pull(chart, DESIRED, children.append)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert loop.time() - started < DEADLINE_SECONDS + GRACE_SECONDS
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        assert requests
    assert isinstance(caught.value, Unavailable | Refused)
    assert caught.value.reason is Reason.CHART_UNAVAILABLE
    assert peak < MAX_PEAK_BYTES
    assert watching.cancelled()
    assert [child.returncode is None for child in children] == [False] * len(children)
    assert list(home.iterdir()) == []  # noqa: ASYNC240 - a local directory


async def watch_memory(children: list[asyncio.subprocess.Process]) -> None:
    """Fails as soon as a process has used more memory than its limit and a quarter."""
    while True:
        for child in children:
            with suppress(OSError):
                status = Path(f"/proc/{child.pid}/status").read_text()  # noqa: ASYNC240 - memory of the kernel
                used_kib = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
                assert max(used_kib, default=0) <= MAX_PULL_MEMORY_MIB * 1280
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (Attack.ENDLESS_BODY, "limit of 256 MiB of memory"),
        (Attack.SLOW_BODY, "did not end within 4 seconds"),
        (Attack.REDIRECT_LOOP, "stopped after 10 redirects"),
    ],
)
async def test_what_is_wrong_with_a_hostile_repository_is_named(home: Path, attack: Attack, words: str) -> None:
    puller = ChartPuller(str(program("helm")), home, timeout_seconds=DEADLINE_SECONDS)
    async with hostile(attack, "index") as (chart, _):
        assert words in str(await refusal(puller, chart, DESIRED))
