"""What every part of Harbor's API 2.0 shares: paths, pages, and the errors of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse, server_error
from harbor_operator.checks.configuration import (
    explain_read_only,
    explain_rejected_admin,
    explain_rejected_request,
    explain_too_many_items,
)
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports import as_error
from harbor_operator.reasons import Reason

T = TypeVar("T")

API = "/api/v2.0"
MAX_PAGE_ENTRIES = 100
"""Harbor refuses a larger page."""
PAGE = {"page_size": str(MAX_PAGE_ENTRIES)}
MAX_PAGES = 500

# Without it Harbor takes a project named '42' for project number 42.
BY_NAME = {"X-Is-Resource-Name": "true"}


class HarborApi:
    """Sends requests to the API, and turns what Harbor refuses into the exceptions of the ports."""

    def __init__(self, http: HarborHttp | None = None) -> None:
        self._http = http or HarborHttp()

    async def _request(
        self, endpoint: HarborEndpoint, request: HttpRequest, reason: Reason, accepted: int = HTTPStatus.OK
    ) -> HttpResponse:
        """Returns a success or a response with the accepted status; raises for any other, with `reason` by default."""
        response = await self._http.send(endpoint, request)
        if response.status in {HTTPStatus.OK, HTTPStatus.CREATED, accepted}:
            return response
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(response)
        title = f"{request.method} {endpoint.url}{quote(request.path)}"
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise as_error(explain_rejected_admin(title))
        if response.status == HTTPStatus.FORBIDDEN and "read only" in response.error_message:
            raise as_error(explain_read_only())
        raise as_error(explain_rejected_request(reason, title, response.error_message))

    async def _pages(
        self, endpoint: HarborEndpoint, request: HttpRequest, reason: Reason
    ) -> AsyncIterator[tuple[HttpResponse, int]]:
        """Yields the pages of a list, and how many follow each; a caller that has what it needs can stop.

        Raises Refused(`reason`) after MAX_PAGES.
        """
        for page in range(1, MAX_PAGES + 1):
            query = {**request.query, "page": str(page), **PAGE}
            response = await self._request(endpoint, replace(request, query=query), reason)
            following = max(0, -(-_total_count(response) // MAX_PAGE_ENTRIES) - page)
            yield response, following
            if not following:
                return
        raise as_error(explain_too_many_items(reason, request.path, MAX_PAGES * MAX_PAGE_ENTRIES))

    async def _entries(
        self, endpoint: HarborEndpoint, request: HttpRequest, reason: Reason, decode: Callable[[Any], T]
    ) -> list[T]:
        """Returns the decoded entries of a whole list; raises as `_pages` and `HttpResponse.decode` do."""
        entries: list[T] = []
        async for page, _ in self._pages(endpoint, request, reason):
            entries += page.decode(lambda listed: [decode(entry) for entry in listed or []])
        return entries


def _total_count(response: HttpResponse) -> int:
    total = response.headers.get("X-Total-Count", "")
    return int(total) if total.isascii() and total.isdecimal() else 0
