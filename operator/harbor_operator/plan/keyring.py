"""Which credential a node uses for an image: the kubelet's own rules.

From `BasicDockerKeyring` of k8s.io/kubernetes/pkg/credentialprovider (1.33 to 1.37) and the names of images as
github.com/distribution/reference normalizes them. Pure.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

DOCKER_HUB = "docker.io"
_HUB_KEY = "index.docker.io"
_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


class Image(NamedTuple):
    """An image as a node pulls it: 'cr.example.com', 'team-a/app', and a tag or a digest."""

    host: str
    repository: str
    reference: str

    @property
    def name(self) -> str:
        """What the kubelet compares with the entries of a Secret."""
        return f"{self.host}/{self.repository}"


@dataclass(frozen=True, slots=True)
class Credential:
    """An entry of a pull Secret; `key` is as it is written there."""

    secret: str
    key: str
    username: str
    password: str = field(repr=False)


def parse_image(text: str) -> Image | None:
    """Returns the parts of an image name, or None for one that no node accepts."""
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or set(".:") & set(first) or first.lower() != first):
        host, path = first, rest
    else:
        host, path = DOCKER_HUB, name
    path, colon, tag = path.partition(":")
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not _REPOSITORY.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
        return None
    return Image(host, path, digest or tag or "latest")


def read_entries(secret: Mapping[str, Any]) -> list[Credential] | None:
    """Returns the entries of a pull Secret, or None if the kubelet cannot read them."""
    key = _KEYS.get(str(secret.get("type")))
    try:
        content = json.loads(base64.b64decode((secret.get("data") or {})[key], validate=True))
        logins = content["auths"] if key == ".dockerconfigjson" else content
        return [_credential(secret["metadata"]["name"], place, login) for place, login in logins.items()]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None


def find_credentials(entries: Sequence[Credential], image: Image) -> list[Credential]:
    """Returns the entries that the kubelet tries for an image, in its order: the most specific key first."""
    by_key: dict[str, list[Credential]] = {}
    for entry in entries:
        by_key.setdefault(_normalized(entry.key), []).append(entry)
    matching = [key for key in sorted(by_key, reverse=True) if not explain_mismatch(key, image)]
    if not matching and image.host in (DOCKER_HUB, _HUB_KEY):
        matching = [key for key in (_HUB_KEY,) if key in by_key]
    return [entry for key in matching for entry in by_key[key]]


def explain_mismatch(key: str, image: Image) -> str:
    """Returns why an entry is not used for an image; empty if it is."""
    entry, target = urlsplit(f"//{_normalized(key)}"), urlsplit(f"//{image.name}")
    (host, port), (target_host, target_port) = _split(entry.netloc), _split(target.netloc)
    if port != target_port:
        return f"its port is {port or 'not set'}, that of the image is {target_port or 'not set'}"
    labels, target_labels = host.split("."), target_host.split(".")
    if len(labels) != len(target_labels) or not all(map(fnmatchcase, target_labels, labels)):
        return f"its host is '{host}'"
    if not target.path.startswith(entry.path):
        return f"its path '{entry.path}' is not the start of '{target.path}'"
    return ""


def _credential(secret: str, key: str, login: Mapping[str, Any]) -> Credential:
    username, password = str(login.get("username", "")), str(login.get("password", ""))
    if login.get("auth"):
        # The padding may be missing. binascii.Error and UnicodeDecodeError are ValueErrors.
        padded = login["auth"] + "=" * (-len(login["auth"]) % 4)
        username, colon, password = base64.b64decode(padded, validate=True).decode().partition(":")
        if not colon:
            raise ValueError(key)
    return Credential(secret, key, username, password)


def _normalized(key: str) -> str:
    """Returns a key without its scheme, and without the path /v1/ or /v2/; empty for one that is no URL."""
    try:
        parts = urlsplit(key if key.startswith(("https://", "http://")) else f"https://{key}")
    except ValueError:
        return ""
    path = parts.path[3:] if parts.path.startswith(("/v1/", "/v2/")) else parts.path
    return parts.netloc + ("" if path == "/" else path)


def _split(host: str) -> tuple[str, str]:
    """Returns host and port as Go's net.SplitHostPort: an IPv6 address has brackets, and loses them with a port."""
    name, colon, port = host.rpartition(":")
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1], port
    return (name, port) if colon and ":" not in name else (host, "")


def keys_of(entries: Sequence[Credential]) -> Iterator[str]:
    """Yields the keys of the entries for a message."""
    yield from sorted({entry.key for entry in entries})
