from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harbor_operator.adapters.s3_xml import completion, first_text, listed, listed_objects, removal
from harbor_operator.model.storage import StoredObject

LISTING = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Prefix>a%20b</Prefix><Contents><Key>a%20b/c%2Bd</Key></Contents><Contents><Key>e</Key></Contents>
<EncodingType>url</EncodingType></ListBucketResult>"""


def test_keys_of_a_listing_are_decoded() -> None:
    assert listed(LISTING, "Contents/Key") == ["a b/c+d", "e"]
    assert listed(LISTING.replace(b"<EncodingType>url</EncodingType>", b""), "Contents/Key") == ["a%20b/c%2Bd", "e"]


def test_a_page_is_read_as_objects() -> None:
    page = b"""<ListBucketResult><Contents><Key>a%20b</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
    <ETag>&quot;0123&quot;</ETag><Size>7</Size></Contents><EncodingType>url</EncodingType></ListBucketResult>"""

    assert listed_objects(page) == [
        StoredObject("a b", 7, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), "0123"),
    ]
    for incomplete in (page.replace(b"<Size>7</Size>", b""), page.replace(b">7<", b">x<")):
        with pytest.raises(ValueError, match=r"zip|int"):
            listed_objects(incomplete)


def test_the_first_text_of_an_element_or_nothing() -> None:
    assert first_text(LISTING, "Contents/Key") == "a%20b/c%2Bd"
    assert first_text(LISTING, "Code") == ""
    assert first_text(b"<Error><Code>NoSuchKey</Code></Error>", "Code") == "NoSuchKey"


def test_bodies_are_escaped() -> None:
    assert b"<Key>a&amp;b&lt;c</Key>" in removal(["a&b<c"])
    assert b"<PartNumber>2</PartNumber><ETag>&gt;b</ETag>" in completion(["a", ">b"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ],
)
def test_what_is_not_plain_xml_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="XML"):
        listed(body, "Contents/Key")
