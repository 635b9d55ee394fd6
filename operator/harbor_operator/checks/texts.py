"""Parts of messages that several checks write."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_REPEATED_CHARACTERS = 300
"""Of a message of another controller."""


SERVICE_ACCOUNT_USER = r'User "system:serviceaccount:(?P<account_namespace>[^":]+):(?P<account>[^":]+)"'
"""How a refusal of the API server names the service account that asked."""


def quoted_names(names: Iterable[str]) -> str:
    """Returns the names in quotes, with commas between them."""
    return ", ".join(f"'{name}'" for name in names)


def shorten(message: str) -> str:
    """Returns the message of another controller on one line, up to MAX_REPEATED_CHARACTERS."""
    return " ".join(message.split())[:MAX_REPEATED_CHARACTERS]


def refused_account(answer: str) -> str:
    """Returns the service account that the API server refused, as 'NAMESPACE:NAME', or these words if none is named."""
    found = re.search(SERVICE_ACCOUNT_USER, answer)
    return f"{found['account_namespace']}:{found['account']}" if found else "NAMESPACE:NAME"


def bind_command(namespace: str, role: str, subject: str) -> str:
    """Returns the command that binds a ClusterRole to a service account in a namespace.

    `subject` is 'NAMESPACE:NAME'; the binding has the name of the role.
    """
    return f"kubectl -n {namespace} create rolebinding {role} --clusterrole={role} --serviceaccount={subject}"
