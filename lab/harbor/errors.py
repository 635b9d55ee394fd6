"""Harbor's errors: a status, a code, and the one body shape that all of them have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERNAL = "internal server error"
"""All that a client ever learns about a surprise; the details are in the log."""


class HarborError(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """The answer as Harbor words it."""
        body = {"errors": [{"code": self.code, "message": self.message}]}
        return web.json_response(body, status=self.status, headers=self.headers)


def bad_request(message: str) -> HarborError:
    """400: understood, but against a rule."""
    return HarborError(400, "BAD_REQUEST", message)


def unauthorized() -> HarborError:
    """401: nobody, or somebody with a wrong password."""
    return HarborError(401, "UNAUTHORIZED", "unauthorized")


def forbidden(message: str = "forbidden") -> HarborError:
    """403: known, but without the right."""
    return HarborError(403, "FORBIDDEN", message)


def denied(message: str) -> HarborError:
    """403 with the code that stands for a state of the system, such as read-only mode."""
    return HarborError(403, "DENIED", message)


def not_found(message: str) -> HarborError:
    """404."""
    return HarborError(404, "NOT_FOUND", message)


def conflict(message: str) -> HarborError:
    """409: there already."""
    return HarborError(409, "CONFLICT", message)


def precondition(message: str) -> HarborError:
    """412: not in the present state of things."""
    return HarborError(412, "PRECONDITION", message)


def unprocessable(message: str) -> HarborError:
    """422: against the API description, so no handler has seen it."""
    return HarborError(422, "UNPROCESSABLE_ENTITY", message)
