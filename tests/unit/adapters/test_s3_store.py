"""The deadlines of requests to S3."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.adapters import s3_store
from harbor_operator.adapters.s3_connection import Exchange, Response
from harbor_operator.model.egress import Egress
from harbor_operator.model.s3 import Bucket, S3Account, Upload

BUCKET = Bucket(S3Account("https://s3.example.com", "us-east-1", "ACCESS", SecretStr("secret"), "s3"), "images")
MINUTES = 600.0


async def test_only_the_completion_of_an_upload_may_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines: list[float] = []

    async def send(_egress: Egress, _account: S3Account, exchange: Exchange, _session: None) -> Response:
        deadlines.append(exchange.seconds)
        return Response(200, {"ETag": '"etag"'}, b"")

    monkeypatch.setattr(s3_store, "send", send)
    store, upload = s3_store.HttpS3Store(), Upload("key", "1")
    etag = await store.write_part(BUCKET, upload, 1, b"part")
    await store.complete_upload(BUCKET, upload, [etag])

    part, completion = deadlines
    assert part < MINUTES <= completion
