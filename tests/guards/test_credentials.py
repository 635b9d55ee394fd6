"""No credential is in the repository: known formats of keys, logins in URLs, and long random words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.guards.sources import ROOT
from tools.language import files

FORMATS = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,}|glpat-[\w-]{20}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}|dckr_pat_[\w-]{20,}|sk_live_\w{20,}|pypi-AgE[\w-]{20,}"
    r"|npm_[A-Za-z0-9]{36}|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40,}"
)
LOGIN = re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}]+:[^\s/@'\"{}]{3,}@")
WORD = re.compile(r"(?<![\w+/=-])[\w+/=-]{32,}(?![\w+/=-])")
MIN_ENTROPY_BITS_PER_CHARACTER = 4.2
GENERATED = (".lock", "package-lock.json", ".sum", ".svg", "docs/benchmarks/")
"""Hashes, versions and pictures, which are random words by nature."""

ALLOWED = {
    "wVnrn4DQyjGKteCM59Ysw7RaVnfzewiGQ3xKeRicoiwtx3MRShid": "a sentence that OpenSSL encrypted with a key of the test",
    "AKIAIOSFODNN7EXAMPLE": "the access key of Amazon's documentation, for its example of a signature",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "the secret key of the same example",
    "https://user:password@": "a login that is refused",
    "https://ci:hunter2@": "a login that is refused",
    "oci://ci:hunter2@": "a login that is refused",
    "http://user:s3cr3t@": "the login of a proxy that no log shows",
}
"""What looks like a credential and is none, and why."""


def entropy(word: str) -> float:
    """Returns the bits of information of each character, by the frequencies in the word."""
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values())


def is_random(word: str) -> bool:
    """Whether a word mixes digits and both cases, and repeats few characters."""
    mixed = all(re.search(kind, word) for kind in ("[0-9]", "[a-z]", "[A-Z]"))
    return mixed and entropy(word) > MIN_ENTROPY_BITS_PER_CHARACTER


def credentials(text: str) -> Iterator[str]:
    yield from FORMATS.findall(text)
    yield from LOGIN.findall(text)
    yield from filter(is_random, WORD.findall(text))


def test_no_credential_is_in_the_repository() -> None:
    """Only the start of a hit is shown, so that the log of a failed test leaks nothing."""
    found = []
    for path in files(ROOT):
        name = str(path.relative_to(ROOT))
        if not any(part in name for part in GENERATED) and name != "tests/guards/test_credentials.py":
            hits = set(credentials(path.read_text(encoding="utf-8", errors="replace"))) - ALLOWED.keys()
            found += [f"{name}: {hit[:8]}..." for hit in hits]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "token: ghp_" + "a1" * 18,
        "-----BEGIN EC PRIVATE KEY-----\n" + "MHcCAQEE" * 6,
        "https://robot:" + "hunter3@example.com",
        "password = 'q8Zr5LkT1xVn7CwE3yUb9MdGh2JsP4aF'",
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.x",
    ],
)
def test_the_guard_finds_a_planted_credential(text: str) -> None:
    assert list(credentials(text))


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com:8443/path@sha256",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n",
        "test_the_guard_finds_a_planted_credential_in_a_long_name",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "https://{user}:{password}@host",
    ],
)
def test_the_guard_ignores_what_is_no_credential(text: str) -> None:
    assert list(credentials(text)) == []
