"""From the exceptions of the operator's adapters to that of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.ports import Refused, Unavailable


@contextmanager
def as_command_error() -> Iterator[None]:
    """Raises CommandError for what an adapter raises in the block."""
    try:
        yield
    except (Refused, Unavailable) as error:
        raise CommandError(f"{error.reason}: {error}") from None
