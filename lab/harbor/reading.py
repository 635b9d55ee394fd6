"""Parses requests and pages answers as in Harbor's API description."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode

from aiohttp import web

from lab.harbor.errors import bad_request, not_found, unprocessable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.harbor.state import Document

MAX_PAGE_SIZE = 100
PAIR = re.compile(r"(\w+)=(~?)(.*)")


async def read_json(request: web.Request, types: Mapping[str, type]) -> dict[str, Any]:
    """Returns the body, an object with correct types of known fields. Raises 422 otherwise."""
    try:
        body = await request.json()
    except ValueError as error:
        raise unprocessable(f"parsing body from '' failed, because {error}") from error
    if not isinstance(body, dict):
        raise unprocessable("parsing body from '' failed, because it is not an object")
    for name, kind in types.items():
        value = body.get(name)
        wrong = value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool)))
        if wrong:
            raise unprocessable(f"{name} in body must be of type {kind.__name__}")
    return body


def read_id(request: web.Request, name: str, what: str) -> int:
    """Returns the number in the path. Raises 422 or 404."""
    value = request.match_info[name]
    if not value.lstrip("-").isdigit():
        raise unprocessable(f'{name} in path must be of type int64: "{value}"')
    if int(value) < 0:
        raise not_found(f"{what} {value} not found")
    return int(value)


def _number(request: web.Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.lstrip("-").isdigit():
        raise unprocessable(f'{name} in query must be of type int64: "{value}"')
    return int(value)


def read_q(request: web.Request) -> dict[str, tuple[str, bool]]:
    """Returns the filters in `q`: name -> (value, fuzzy). As in Harbor, `q` is URL-decoded twice."""
    text = unquote_plus(request.query.get("q", ""))
    filters: dict[str, tuple[str, bool]] = {}
    for pair in filter(None, text.split(",")):
        match = PAIR.fullmatch(pair.strip())
        if match is None:
            raise bad_request(f"invalid query string: {text}")
        name, fuzzy, value = match.groups()
        filters[name.lower()] = (value, bool(fuzzy))
    return filters


def matches(document: Document, filters: Mapping[str, tuple[str, bool]], known: Sequence[str]) -> bool:
    """Whether the document passes the filters; a filter on an unknown field is ignored, as Harbor does."""
    for name in known:
        value, fuzzy = filters.get(name, ("", True))
        own = str(document.get(name, ""))
        if not (value in own if fuzzy else value == own):
            return False
    return True


def sorted_by(request: web.Request, documents: list[Document], known: Sequence[str]) -> list[Document]:
    """Returns the documents in the order of `sort`; unknown fields are ignored."""
    for one in reversed(request.query.get("sort", "").split(",")):
        name = one.lstrip("-+")
        if name in known:
            documents = sorted(documents, key=itemgetter(name), reverse=one.startswith("-"))
    return documents


def page(request: web.Request, items: Sequence[Any]) -> web.Response:
    """Returns one page of the items, with links to the previous and next page."""
    number, size = _number(request, "page", 1), _number(request, "page_size", 10)
    if size > MAX_PAGE_SIZE:
        raise unprocessable(f"page_size in query should be less than or equal to {MAX_PAGE_SIZE}")
    size = size if size > 0 else MAX_PAGE_SIZE
    start = max(0, number - 1) * size
    links = [(number - 1, "prev")] if number > 1 else []
    if start + size < len(items):
        links.append((number + 1, "next"))
    headers = {"X-Total-Count": str(len(items))}
    if links:
        headers["Link"] = " , ".join(f'<{_page_url(request, to, size)}>; rel="{name}"' for to, name in links)
    return web.json_response(list(items[start : start + size]), headers=headers)


def _page_url(request: web.Request, number: int, size: int) -> str:
    query = {**request.query, "page": str(number), "page_size": str(size)}
    return f"{request.path}?{urlencode(query)}"
