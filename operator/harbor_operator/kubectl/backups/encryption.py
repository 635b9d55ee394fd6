"""Encryption by the person's own `age` or `gpg`: the plain text goes through pipes only and is in no file."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from harbor_operator.kubectl.backups.programs import ProgramFailed, find_program, run_program
from harbor_operator.kubectl.errors import CommandError

TIMEOUT_SECONDS = 120
"""Also for the passphrase of a private key, which a person enters."""
_AGE = re.compile(r"age1[0-9a-z]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")
_FINGERPRINT = re.compile(r"(0x)?([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")


class Format(StrEnum):
    """The program that encrypted a file, which is also the end of its name."""

    AGE = "age"
    GPG = "gpg"


class Recipient(NamedTuple):
    """Whose private key decrypts the file."""

    format: Format
    key: str


def parse_recipient(text: str) -> Recipient:
    """Returns the recipient that the text names. Raises CommandError.

    Names and addresses of PGP keys are refused: anyone can add a key with them to a keyring.
    """
    if _AGE.fullmatch(text):
        return Recipient(Format.AGE, text)
    if _FINGERPRINT.fullmatch(text):
        return Recipient(Format.GPG, text)
    raise CommandError(
        "`--recipient` is a public key of age ('age1…' or 'ssh-ed25519 …'), or the whole fingerprint of a PGP key in "
        "your keyring, 40 digits of `gpg --list-keys`"
    )


def encrypt(recipient: Recipient, plain: bytes) -> bytes:
    """Returns the encrypted content. Raises CommandError."""
    if recipient.format is Format.AGE:
        arguments = ["--encrypt", "--recipient", recipient.key]
    else:
        # The fingerprint says which key is meant, so the owner's name does not have to be certified.
        arguments = ["--batch", "--trust-model", "always", "--encrypt", "--recipient", recipient.key]
    try:
        return run_program([find_program(recipient.format), *arguments], TIMEOUT_SECONDS, plain)
    except ProgramFailed as error:
        raise CommandError(f"`{recipient.format}` did not encrypt: {error}") from None


def decrypt(encrypted_by: Format, identity: str, content: bytes) -> bytes:
    """Returns the plain text; `identity` is a file of age. Raises ProgramFailed, or CommandError for wrong usage."""
    if encrypted_by is Format.GPG:
        return run_program([find_program("gpg"), "--batch", "--decrypt"], TIMEOUT_SECONDS, content)
    if not identity:
        raise CommandError("the Secrets of the bundle are encrypted with age: set `--identity FILE`")
    return run_program([find_program("age"), "--decrypt", "--identity", identity], TIMEOUT_SECONDS, content)
