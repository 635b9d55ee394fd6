"""The XML of S3: answers as (element, text) pairs, and the two bodies that the operator sends.

Entities are refused, because an answer of a few bytes could expand to gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.parsers import expat
from xml.sax.saxutils import escape

from harbor_operator.model.storage import StoredObject

_FIELDS = ("Key", "Size", "LastModified", "ETag")


def texts(body: bytes) -> Iterator[tuple[str, str]]:
    """Yields the path of each element, without the outermost one, and its text, at its end: ('Contents/Key', 'a').

    Raises ValueError for what is not XML, and for XML with entities of its own.
    """
    found: list[tuple[str, str]] = []
    path: list[str] = []
    text: list[str] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, _attributes: dict[str, str]) -> None:
        path.append(name)
        text.clear()

    def end(_name: str) -> None:
        found.append(("/".join(path[1:]), "".join(text)))
        path.pop()
        text.clear()

    def refuse(*_declaration: Any) -> None:
        raise ValueError("XML with entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = text.append, refuse
    try:
        parser.Parse(body, True)  # noqa: FBT003 - a C function, which has no names for its parameters
    except expat.ExpatError:
        raise ValueError("not XML") from None
    yield from found


def first_text(body: bytes, path: str) -> str:
    """Returns the text of the first element of the path, '' without one; raises ValueError as `texts` does."""
    return next((text for found, text in texts(body) if found == path), "")


def listed(body: bytes, path: str) -> list[str]:
    """Returns the texts of the elements of a listing, decoded if the server encoded them."""
    found = list(texts(body))
    is_encoded = ("EncodingType", "url") in found
    return [unquote_plus(text) if is_encoded else text for name, text in found if name == path]


def listed_objects(body: bytes) -> list[StoredObject]:
    """Returns the objects of a page; raises ValueError as `texts` does, and for a page that lacks something."""
    found = list(texts(body))
    is_encoded = ("EncodingType", "url") in found
    fields = ([text for name, text in found if name == f"Contents/{field}"] for field in _FIELDS)
    return [
        StoredObject(
            unquote_plus(key) if is_encoded else key, int(size), datetime.fromisoformat(changed_at), etag.strip('"')
        )
        for key, size, changed_at, etag in zip(*fields, strict=True)
    ]


def removal(keys: Sequence[str]) -> bytes:
    """Returns the body that names the objects to remove."""
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()


def completion(etags: Sequence[str]) -> bytes:
    """Returns the body that names the parts of an object, in order."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, start=1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
