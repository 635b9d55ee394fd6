"""Harbor's errors: status, code, and their common body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERNAL = "internal server error"
"""The message of every unexpected error; the details are in the log."""


class HarborError(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """Returns the answer in Harbor's format."""
        body = {"errors": [{"code": self.code, "message": self.message}]}
        return web.json_response(body, status=self.status, headers=self.headers)


def bad_request(message: str) -> HarborError:
    """400: a value violates a rule."""
    return HarborError(400, "BAD_REQUEST", message)


def unauthorized() -> HarborError:
    """401: anonymous, or a wrong password."""
    return HarborError(401, "UNAUTHORIZED", "unauthorized")


def forbidden(message: str = "forbidden") -> HarborError:
    """403: authenticated, but without the right."""
    return HarborError(403, "FORBIDDEN", message)


def denied(message: str) -> HarborError:
    """403 because of a state of the system, such as read-only mode."""
    return HarborError(403, "DENIED", message)


def not_found(message: str) -> HarborError:
    """404."""
    return HarborError(404, "NOT_FOUND", message)


def conflict(message: str) -> HarborError:
    """409: it exists already."""
    return HarborError(409, "CONFLICT", message)


def precondition(message: str) -> HarborError:
    """412: not possible in the current state."""
    return HarborError(412, "PRECONDITION", message)


def crash() -> web.HTTPInternalServerError:
    """500 without a body: the handler ended with a nil pointer."""
    return web.HTTPInternalServerError(text="")


def unprocessable(message: str) -> HarborError:
    """422: the request violates the API description."""
    return HarborError(422, "UNPROCESSABLE_ENTITY", message)
