"""An answer whose headers are cut is no answer: without some of them it says something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.storage import Container, SwiftAccount, SwiftSession
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason

HEAD = (
    b"HTTP/1.1 200 OK\r\nX-Object-Meta-Owner: uid-1\r\nX-Object-Meta-Adopted: true\r\n"
    b"Content-Length: 0\r\nX-Trans-Id: tx1\r\nConnection: close\r\n\r\n"
)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[Container]:
    """A server that sends the bytes to each client and closes the connection; gives a container of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr("key"), "swift")
        yield Container(SwiftSession(account, f"{url}/v1", SecretStr("token")), "harbor")


async def test_complete_headers_are_read() -> None:
    async with answering(HEAD) as container:
        assert await SwiftObjectStore().read_metadata(container, "proof") == {"owner": "uid-1", "adopted": "true"}


@pytest.mark.parametrize("line", range(HEAD.count(b"\r\n")))
async def test_headers_that_are_cut_are_no_answer(line: int) -> None:
    """The first lines say that the object is this registry's, a later one that its images must stay."""
    cut = b"\r\n".join(HEAD.split(b"\r\n")[:line])
    for answer in (cut, cut[:-1], cut + b"\r\n"):
        async with answering(answer) as container:
            with pytest.raises(Unavailable) as error:
                await SwiftObjectStore().read_metadata(container, "proof")
            assert error.value.reason is Reason.STORAGE_UNREACHABLE
