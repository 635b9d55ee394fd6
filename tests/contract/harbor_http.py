"""Clients of Harbor that record what they send, or end the process after a number of requests."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.model.harbor import HarborEndpoint


class RecordingHttp(HarborHttp):
    """Records the requests, and among them those that are not reads."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if request.partition(" ")[0] not in {"GET", "HEAD"}]

    @override
    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        self.requests.append(f"{request.method} {request.path}")
        return await super().send(endpoint, request)


class Killed(BaseException):
    """Ends the process, as SIGKILL does."""


class KillingHttp(HarborHttp):
    """Ends the process after Harbor has executed a number of requests, before the answer is read."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    @override
    async def send_raw(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        response = await super().send_raw(endpoint, request)
        self._left -= 1
        if self._left == 0:
            raise Killed
        return response
