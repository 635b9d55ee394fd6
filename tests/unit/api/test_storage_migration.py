"""What a storage migration may name; the API server checks the same with CEL."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.backends import Storage

KEYS = {"credentialsSecretRef": {"name": "s3"}}
S3 = {"endpoint": "https://s3.example.com", "bucket": "images", **KEYS}
SWIFT = {"authURL": "https://s3.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}


def storage(to: dict[str, Any], **source: Any) -> Storage:
    return Storage.model_validate({**source, "migration": {"to": to}})


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ({"swift": SWIFT}, {}),
        ({"swift": SWIFT}, {"bucket": "harbor", "rootDirectory": "new"}),
        ({"s3": S3}, {"bucket": "other"}),
        ({"s3": S3}, {"rootDirectory": "new"}),
        ({"s3": S3}, {"endpoint": "https://other.example.com"}),
    ],
)
def test_a_target_is_another_bucket_or_folder(source: dict[str, Any], change: dict[str, Any]) -> None:
    assert storage({"s3": {**S3, **change}}, **source).migration


@pytest.mark.parametrize(
    ("source", "to", "words"),
    [
        ({"s3": S3}, {"s3": S3}, "must name another endpoint, bucket or folder"),
        ({"swift": SWIFT}, {"s3": {**S3, "bucket": "harbor"}}, "must not be the name of the Swift container"),
        ({"filesystem": {"size": "1Gi"}}, {"s3": S3}, "needs `swift` or `s3` beside it"),
        ({"swift": SWIFT}, {"s3": {**S3, "adoptExisting": True}}, "has to be empty"),
        ({"swift": SWIFT}, {"swift": SWIFT}, "to.s3"),
    ],
)
def test_another_target_is_refused_with_a_reason(source: dict[str, Any], to: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        storage(to, **source)
