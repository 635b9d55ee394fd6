"""Signatures that Amazon published for requests with a body and for URLs; those without are in the contract tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from pydantic import SecretStr

from harbor_operator.adapters.aws_signature import KeyPair, Request, presign, sign

AMAZON = KeyPair("AKIAIOSFODNN7EXAMPLE", SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
BUCKET = "examplebucket.s3.amazonaws.com"
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_a_body_is_signed() -> None:
    headers = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    digest = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()

    signed = sign(Request("PUT", BUCKET, "/test$file.text", {}, headers, digest), AMAZON, NOW)

    expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    assert signed["Authorization"].endswith(f"Signature={expected}")


def test_a_url_is_signed() -> None:
    query = presign(Request("GET", BUCKET, "/test.txt", {}), AMAZON, NOW, 86400)

    expected = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert query.endswith(f"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature={expected}")
