"""Recipients, and the person's own `gpg` and `age`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_operator.kubectl.backups.encryption import Format, Recipient, decrypt, encrypt, parse_recipient
from harbor_operator.kubectl.backups.programs import ProgramFailed
from harbor_operator.kubectl.errors import CommandError

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
AGE_KEY = "age1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqkm3s9"


@pytest.mark.parametrize(
    ("text", "encrypted_by"),
    [
        (AGE_KEY, Format.AGE),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ops@example.com", Format.AGE),
        (FINGERPRINT, Format.GPG),
        (f"0x{FINGERPRINT.lower()}", Format.GPG),
    ],
)
def test_a_recipient_says_which_program_encrypts(text: str, encrypted_by: Format) -> None:
    assert parse_recipient(text) == Recipient(encrypted_by, text)


@pytest.mark.parametrize("text", ["ops@example.com", "01234567", "-o/etc/passwd", "--batch", f"{AGE_KEY} -o x"])
def test_what_anyone_can_claim_or_a_program_reads_as_an_option_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="`--recipient` is a public key of age"):
        parse_recipient(text)


@pytest.fixture
def fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A PGP key in a keyring of this test."""
    if shutil.which("gpg") is None:
        pytest.skip("`gpg` is not installed")
    home = Path(f"/tmp/gpg-{os.getpid()}")  # noqa: S108 - the path of its socket must be short
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    subprocess.run(
        ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "ops@example.com", "default", "default"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    listed = subprocess.run(
        ["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    yield next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    subprocess.run(["gpgconf", "--kill", "all"], check=True, timeout=60)
    shutil.rmtree(home)


def test_gpg_encrypts_to_a_fingerprint_and_the_keyring_decrypts(fingerprint: str) -> None:
    encrypted = encrypt(parse_recipient(fingerprint), b"the secretKey")
    assert b"the secretKey" not in encrypted
    assert decrypt(Format.GPG, "", encrypted) == b"the secretKey"
    with pytest.raises(ProgramFailed, match="gpg"):
        decrypt(Format.GPG, "", encrypted[:-20])
    with pytest.raises(CommandError, match="`gpg` did not encrypt: gpg: 0123"):
        encrypt(parse_recipient(FINGERPRINT), b"the secretKey")


def test_age_needs_an_identity() -> None:
    with pytest.raises(CommandError, match="set `--identity FILE`"):
        decrypt(Format.AGE, "", b"content")


def test_a_program_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="there is no `age` on PATH"):
        encrypt(parse_recipient(AGE_KEY), b"content")
