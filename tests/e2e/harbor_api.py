"""Harbor's API as its administrator, to see what the operator did and to do what another client does."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from typing import Any
from urllib.error import HTTPError

from lab.registry_fixture import RegistryFixture

GENERATED_PASSWORD = "admin-password"
ACCEPTED_PASSWORD = "admin-accepted"
"""Secrets of the operator: the password that it generated, and the one that Harbor accepted last."""


def call_harbor(
    fixture: RegistryFixture, method: str, path: str, body: Any = None, *, login: str = GENERATED_PASSWORD
) -> Any:
    """Returns the decoded answer, or None for an empty one. Raises HTTPError."""
    password = fixture.registry.secret(f"hreg-{fixture.registry.name}-{login}")["password"]
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - always https
        f"{fixture.front.url}/api/v2.0{path}", data=data, headers=headers, method=method
    )
    tls = ssl.create_default_context(cafile=str(fixture.lab.authority.ca_path))
    try:
        with urllib.request.urlopen(request, timeout=20, context=tls) as answer:  # noqa: S310 - always https
            content = answer.read()
    except HTTPError as error:
        error.close()
        raise
    return json.loads(content) if content else None
