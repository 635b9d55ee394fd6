"""The output of a child process: the end of it, within a limit and without secrets."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.process_output import MAX_TAIL_BYTES, read_tail, redacted_tail

MAX_PEAK_BYTES = 1 << 20
PRINTED_BYTES = 64 << 20


async def test_endless_output_costs_little() -> None:
    """Finding S2."""
    code = (
        f"import sys\nfor _ in range({PRINTED_BYTES >> 20}): sys.stderr.write('x' * (1 << 20))\nsys.stderr.write('end')"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    assert child.stderr
    tracemalloc.start()
    try:
        tail, is_cut = await read_tail(child.stderr)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert await child.wait() == 0
    assert (len(tail), tail[-3:], is_cut) == (MAX_TAIL_BYTES, b"end", True)
    assert peak < MAX_PEAK_BYTES


@pytest.mark.parametrize(
    ("text", "expected"), [(b"", (b"", False)), (b"1234", (b"1234", False)), (b"12345", (b"2345", True))]
)
async def test_the_end_is_kept(text: bytes, expected: tuple[bytes, bool]) -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(text)
    stream.feed_eof()
    assert await read_tail(stream, max_bytes=4) == expected


def test_a_secret_that_the_cut_splits_is_not_shown() -> None:
    secret = SecretStr("hush-hush-hush")
    tail = b"sh-hush" + b" " * 40 + b"Error: hush-hush-hush"
    assert redacted_tail(tail, [secret], is_cut=True).split() == ["Error:", "***"]
    assert redacted_tail(tail, [secret], is_cut=False).split() == ["sh-hush", "Error:", "***"]
