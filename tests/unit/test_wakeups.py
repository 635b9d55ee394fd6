"""Which changes of Secrets wake a registry, and how many watches run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import ExitStack

import pytest
from typing_extensions import override

from harbor_operator import wakeups as module
from harbor_operator.model.kubernetes import SecretChange
from harbor_operator.ports import Refused
from harbor_operator.ports.secret_changes import SecretChanges
from harbor_operator.reasons import Reason
from harbor_operator.wakeups import MAX_WATCHES, Subscription, Wakeups
from lab.process import scaled

SEEN = {("intra", "redis"): "7", ("intra", "absent"): ""}


class ScriptedSecrets(SecretChanges):
    """Yields what the test sends; `forbidden` refuses the watch."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.started = 0
        self.forbidden = False
        self._changes: asyncio.Queue[SecretChange] = asyncio.Queue()

    async def send(self, name: str, version: str) -> None:
        self._changes.put_nowait(SecretChange("intra", name, version))
        await self._changes.join()

    @override
    async def changes(self, namespace: str) -> AsyncGenerator[SecretChange, None]:
        self.started += 1
        if self.forbidden:
            raise Refused(Reason.RIGHTS_MISSING, "secrets is forbidden")
        self.open.append(namespace)
        try:
            while True:
                yield await self._changes.get()
                self._changes.task_done()
        finally:
            self.open.remove(namespace)


class WakeupsFixture:
    """One registry in namespace 'intra' that has read the Secrets in SEEN."""

    def __init__(self, subscription: Subscription, changes: ScriptedSecrets) -> None:
        self.subscription = subscription
        self.changes = changes

    async def wakes(self) -> bool:
        """Whether a wake-up is due; returns once it has come."""
        if self.subscription.timer is None:
            return False
        async with asyncio.timeout(scaled(5)):
            await self.subscription.event.wait()
        self.subscription.event.clear()
        return True


async def loop_turns() -> None:
    """Lets every task that can run do so; nothing here waits for time."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def intra(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[WakeupsFixture, None]:
    monkeypatch.setattr(module, "DEBOUNCE_SECONDS", 0.02)
    monkeypatch.setattr(module, "MIN_INTERVAL_SECONDS", 0.02)
    changes = ScriptedSecrets()
    with Wakeups(changes).subscribe("intra", asyncio.Event()) as subscription:
        subscription.end_pass(SEEN)
        yield WakeupsFixture(subscription, changes)


@pytest.mark.parametrize(
    ("name", "version", "woken"),
    [
        ("redis", "8", True),
        ("redis", "7", False),  # listed again, or the operator's own write
        ("redis", "", True),
        ("absent", "9", True),
        ("absent", "", False),
        ("unrelated", "9", False),
    ],
)
async def test_another_version_than_the_pass_read_wakes(
    intra: WakeupsFixture, name: str, version: str, woken: bool
) -> None:
    await intra.changes.send(name, version)
    assert await intra.wakes() is woken


async def test_several_changes_cause_one_wake_up(intra: WakeupsFixture) -> None:
    for version in ("8", "9", "10"):
        await intra.changes.send("redis", version)
    assert await intra.wakes()
    assert not await intra.wakes()


async def test_a_secret_that_changes_continuously_wakes_at_an_interval(
    intra: WakeupsFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_INTERVAL_SECONDS", 3600.0)
    await intra.changes.send("redis", "8")
    assert await intra.wakes()
    await intra.changes.send("redis", "9")
    assert intra.subscription.timer
    assert intra.subscription.timer.when() > asyncio.get_running_loop().time() + 3500


async def test_changes_during_a_pass_are_compared_at_its_end(intra: WakeupsFixture) -> None:
    intra.subscription.begin_pass()
    await intra.changes.send("redis", "8")
    assert not await intra.wakes()
    intra.subscription.end_pass({("intra", "redis"): "8"})
    assert not await intra.wakes()
    intra.subscription.begin_pass()
    await intra.changes.send("redis", "9")
    intra.subscription.end_pass({("intra", "redis"): "8"})
    assert await intra.wakes()


async def test_one_watch_per_namespace_while_it_has_a_registry() -> None:
    changes = ScriptedSecrets()
    wakeups = Wakeups(changes)
    with wakeups.subscribe("intra", asyncio.Event()):
        with wakeups.subscribe("intra", asyncio.Event()), wakeups.subscribe("extra", asyncio.Event()):
            await loop_turns()
            assert sorted(changes.open) == ["extra", "intra"]
        await loop_turns()
        assert changes.open == ["intra"]
    await loop_turns()
    assert changes.open == []


async def test_watches_are_bounded_and_a_free_one_is_used() -> None:
    changes = ScriptedSecrets()
    wakeups = Wakeups(changes)
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(wakeups.subscribe("n0", asyncio.Event()))
        for number in range(1, MAX_WATCHES + 1):
            stack.enter_context(wakeups.subscribe(f"n{number}", asyncio.Event()))
        await loop_turns()
        assert f"n{MAX_WATCHES}" not in changes.open
        first.close()
        await loop_turns()
        assert f"n{MAX_WATCHES}" in changes.open
        assert len(changes.open) == MAX_WATCHES


async def test_missing_rights_are_logged_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RIGHTS_RETRY_SECONDS", 0)
    changes = ScriptedSecrets()
    changes.forbidden = True
    with caplog.at_level(logging.INFO), Wakeups(changes).subscribe("intra", asyncio.Event()):
        async with asyncio.timeout(scaled(5)):
            while changes.started <= 2:
                await loop_turns()
        assert caplog.text.count("at the check interval only") == 1
        changes.forbidden = False
        await loop_turns()
        assert changes.open == ["intra"]
