from __future__ import annotations

import pytest

from harbor_operator.adapters.s3_xml import completion, first_text, listed, removal

LISTING = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Prefix>a%20b</Prefix><Contents><Key>a%20b/c%2Bd</Key></Contents><Contents><Key>e</Key></Contents>
<EncodingType>url</EncodingType></ListBucketResult>"""


def test_keys_of_a_listing_are_decoded() -> None:
    assert listed(LISTING, "Contents/Key") == ["a b/c+d", "e"]
    assert listed(LISTING.replace(b"<EncodingType>url</EncodingType>", b""), "Contents/Key") == ["a%20b/c%2Bd", "e"]


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
