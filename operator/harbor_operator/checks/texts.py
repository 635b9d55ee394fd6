"""Parts of messages that several checks write."""

from __future__ import annotations

from collections.abc import Iterable

MAX_REPEATED_CHARACTERS = 300
"""Of a message of another controller."""


def quoted_names(names: Iterable[str]) -> str:
    """Returns the names in quotes, with commas between them."""
    return ", ".join(f"'{name}'" for name in names)


def shorten(message: str) -> str:
    """Returns the message of another controller on one line, up to MAX_REPEATED_CHARACTERS."""
    return " ".join(message.split())[:MAX_REPEATED_CHARACTERS]


def bind_command(namespace: str, role: str, subject: str) -> str:
    """Returns the command that binds a ClusterRole to a service account in a namespace.

    `subject` is 'NAMESPACE:NAME'; the binding has the name of the role.
    """
    return f"kubectl -n {namespace} create rolebinding {role} --clusterrole={role} --serviceaccount={subject}"
