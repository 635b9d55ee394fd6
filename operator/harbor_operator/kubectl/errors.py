"""Why a verb could not do its work."""

from __future__ import annotations


class CommandError(Exception):
    """The verb cannot continue; the message is for a person and ends the process with exit code 2."""


class RequestError(CommandError):
    """The API server refused a request; `status` is the HTTP status, 0 if there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
