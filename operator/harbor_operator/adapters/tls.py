"""The certificate authorities that a client trusts: one reading of a PEM bundle for every adapter.

Accepts what kubectl, libpq and Harbor accept: comments in any script around the certificates, other PEM blocks, an
intermediate or the server's own certificate as the trust anchor, and certificates without key identifiers. (Python
3.13 sets VERIFY_X509_STRICT by default, which refuses the last kind.)
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import NamedTemporaryFile

INCLUDED_VERIFY_FLAGS = (ssl.VERIFY_X509_PARTIAL_CHAIN,)
EXCLUDED_VERIFY_FLAGS = (ssl.VERIFY_X509_STRICT,)
MAX_CACHED_CONTEXTS = 16

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class InvalidCaBundle(Exception):  # noqa: N818 - named for what is found, as the exceptions of the ports are
    """A text without a single certificate."""


@lru_cache(maxsize=MAX_CACHED_CONTEXTS)
def ssl_context(ca_pem: str) -> ssl.SSLContext:
    """Returns a client context that trusts the bundle, or the system's authorities if it is empty.

    The context is shared: do not change it. As in Go, a host name counts only as an alternative name. Raises
    InvalidCaBundle.
    """
    if ca_pem:
        context = ssl.create_default_context(cadata=b"".join(_certificates(ca_pem)))
    else:
        context = ssl.create_default_context()
    set_verify_flags(context)
    return context


def set_verify_flags(context: ssl.SSLContext) -> None:
    """Sets what every client context of the operator accepts and refuses in a certificate."""
    context.hostname_checks_common_name = False
    for flag in INCLUDED_VERIFY_FLAGS:
        context.verify_flags |= flag
    for flag in EXCLUDED_VERIFY_FLAGS:
        context.verify_flags &= ~flag


def normalized_bundle(ca_pem: str) -> str:
    """Returns only the certificates of a bundle, in ASCII, for a library that takes text. Raises InvalidCaBundle."""
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in _certificates(ca_pem))


@contextmanager
def ca_file(ca_pem: str) -> Iterator[str]:
    """Yields the path of a file with the bundle, or with the system's authorities, for a library that takes a path.

    The file is readable by this user only and exists for the duration of the context. Raises InvalidCaBundle.
    """
    if not ca_pem:
        system = ssl.get_default_verify_paths()
        yield system.cafile or system.capath or system.openssl_cafile
        return
    # NamedTemporaryFile creates with mode 0600.
    with NamedTemporaryFile("w", prefix="ca-", suffix=".pem", encoding="ascii") as file:
        file.write(normalized_bundle(ca_pem))
        file.flush()
        yield file.name


def _certificates(ca_pem: str) -> list[bytes]:
    """Returns each certificate in DER; like Go's pool, leaves out a block that is none."""
    found = [der for block in _BLOCK.findall(ca_pem) if (der := _certificate(block))]
    if not found:
        raise InvalidCaBundle
    return found


def _certificate(block: str) -> bytes:
    try:
        der = ssl.PEM_cert_to_DER_cert(block)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        return b""
    return der
