"""The requests to the RGW admin API, as a server receives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.model.storage import Quota, RgwEndpoint
from tests.fakes.hostile import answering

CALLS: dict[str, Callable[[RgwEndpoint], Awaitable[object]]] = {
    "PUT": lambda endpoint: HttpRgwAdmin().ensure_user(endpoint, "x", "name"),
    "PUT quota": lambda endpoint: HttpRgwAdmin().set_quota(endpoint, "x", Quota(enabled=True, kib=1)),
    "POST": lambda endpoint: HttpRgwAdmin().set_swift_login(endpoint, "x:y", SecretStr("k")),
    "DELETE": lambda endpoint: HttpRgwAdmin().remove_user(endpoint, "x"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_the_signature_covers_every_header_that_it_must_cover(call: str) -> None:
    async with answering(200, "{}") as server:
        await CALLS[call](RgwEndpoint(server.url, "a", SecretStr("s"), "rgw-admin"))
    (request,) = server.requests
    lines = request.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    must = {name for name in headers if name in ("host", "content-type") or name.startswith("x-amz-")}
    assert must == set(signed)


async def test_a_user_that_owns_a_bucket_is_removed_again_a_few_times() -> None:
    async with answering(409, '{"Code": "BucketNotEmpty"}') as server:
        admin = HttpRgwAdmin(unlink_seconds=(0.0, 0.0))
        assert await admin.remove_user(RgwEndpoint(server.url, "a", SecretStr("s"), "rgw-admin"), "x") is False
    assert len(server.requests) == 3
