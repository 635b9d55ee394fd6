"""A hostile Redis costs little memory and its deadline, and never an internal error."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from harbor_operator.adapters import redis
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.model.cache import Address, RedisLogin
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.fakes.hostile import attacking

MAX_PEAK_BYTES = 32 << 20
_BLOCK = bytes(64 * 1024)

ATTACKS = {
    "large bulk": (b"$1073741824\r\n", _BLOCK),
    "endless line": (b"+", _BLOCK),
    "endless array": (b"*1073741824\r\n", b":1\r\n" * 1024),
    "endless small bulks": (b"*1073741824\r\n", b"$1\r\nx\r\n" * 1024),
    "deep array": (b"*1\r\n" * 100_000, b""),
    "not a number": (b"$x\r\n", b""),
    "negative": (b"$-7\r\n", b""),
    "not UTF-8": (b"$2\r\n\xff\xfe\r\n", b""),
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
    "another type": (b"*2\r\n:1\r\n:2\r\n", b""),
    "slow": (b"$100000\r\n", b"x"),
    "slow line": (b"+", b"x"),
    "nothing": (b"", b""),
    "line of 1 MiB": (b"+" + b"x" * (1 << 20) + b"\r\n", b""),
    "endless error": (b"-ERR ", _BLOCK),
    "another node": (b"-MOVED 1 127.0.0.1:1\r\n", b""),
    "gzip": (b"$20\r\n\x1f\x8b\x08\x00" + bytes(16) + b"\r\n", b""),
}


async def _answer(first: bytes, repeated: bytes) -> AsyncIterator[bytes]:
    yield first
    while repeated:
        yield repeated
        await asyncio.sleep(0.02 if len(repeated) == 1 else 0)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_hostile_server_costs_little(monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    monkeypatch.setattr(redis, "_READ_TIMEOUT_SECONDS", 0.5)
    async with attacking(lambda: _answer(*ATTACKS[attack]), b"\r\n") as server:
        address = Address("127.0.0.1", server.port)
        tracemalloc.start()
        try:
            async with asyncio.timeout(scaled(30)):
                with pytest.raises(Unavailable) as error:
                    await RedisPyCache().read(address, RedisLogin())
                with pytest.raises(Unavailable):
                    await RedisPyCache().read_sentinel(address, "mymaster")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MAX_PEAK_BYTES
    assert error.value.reason is Reason.CACHE_UNREACHABLE
    assert len(str(error.value)) < 500
    assert len(server.requests) == 2


@pytest.mark.parametrize("attack", ["large bulk", "endless line", "slow", "nothing", "another protocol"])
async def test_a_hostile_answer_to_a_tls_handshake_costs_little(monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    monkeypatch.setattr(redis, "_READ_TIMEOUT_SECONDS", 0.5)
    async with attacking(lambda: _answer(*ATTACKS[attack]), b"\x16") as server:
        tracemalloc.start()
        try:
            async with asyncio.timeout(scaled(30)):
                with pytest.raises(Unavailable):
                    await RedisPyCache().read(Address("127.0.0.1", server.port), RedisLogin(tls=True))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MAX_PEAK_BYTES
    assert len(server.requests) == 1
