"""Lists in pages that become smaller when the objects are large.

Users choose how large their objects are: a page of the usual number of objects can have hundreds of MiB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Params, TooLarge
from harbor_operator.adapters.kube_client import Decode, KubernetesClient

MAX_PAGE_OBJECTS = 500
SHRINK_FACTOR = 8

PageT = TypeVar("PageT")


class Pager(Generic[PageT]):
    """Reads the pages of one list; `request` makes a list request from its parameters."""

    def __init__(
        self, client: KubernetesClient, request: Callable[[Params], ApiRequest], decode: Decode[PageT]
    ) -> None:
        self._client = client
        self._request = request
        self._decode = decode
        self._limit = MAX_PAGE_OBJECTS

    async def read(self, continue_token: str = "") -> PageT | ApiError:
        """Returns the page after the token; reads a page that is too large again with fewer objects."""
        token = {"continue": continue_token} if continue_token else {}
        while True:
            page = await self._client.send(self._request({"limit": str(self._limit), **token}), self._decode)
            if not isinstance(page, TooLarge) or self._limit == 1:
                return page
            self._limit = max(1, self._limit // SHRINK_FACTOR)
