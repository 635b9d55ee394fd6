"""References to Secrets, as the seeds contain them."""

from __future__ import annotations

from tests.campaign.schema import Spec

URL = "https://cr.example.com"
CA: Spec = {"name": "ca", "key": "ca.crt"}


def login(name: str) -> Spec:
    """Returns a reference to a Secret with a username and a password."""
    return {"name": name, "usernameKey": "username", "passwordKey": "password"}


def keys(name: str) -> Spec:
    """Returns a reference to a Secret with an access key and its secret key."""
    return {"name": name, "accessKeyKey": "accessKey", "secretKeyKey": "secretKey"}


def password(name: str) -> Spec:
    """Returns a reference to a Secret with a password."""
    return {"name": name, "key": "password"}
