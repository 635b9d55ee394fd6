"""The real Harbor that the environment names, in place of the stand-in.

`HARBOR_URL` and `HARBOR_ADMIN_PASSWORD` select it, and `HARBOR_CA_FILE` is the CA of its certificate, if necessary.
`HARBOR_TRUSTED_CA` is a directory with `ca.crt` and `ca.key` of a CA that this Harbor trusts, for the tests of logins:
their servers must be reachable for Harbor on loopback.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.certs import Authority


def real_harbor() -> HarborEndpoint | None:
    """Returns the administrator's endpoint, or None if the environment names no Harbor."""
    url = os.environ.get("HARBOR_URL")
    if not url:
        return None
    ca_file = os.environ.get("HARBOR_CA_FILE")
    ca = Path(ca_file).read_text(encoding="utf-8") if ca_file else ""
    return HarborEndpoint(url.rstrip("/"), ca, Login("admin", SecretStr(os.environ["HARBOR_ADMIN_PASSWORD"])))


def trusted_authority(directory: Path) -> Authority | None:
    """Returns the authority that the real Harbor trusts, or None; the certificates it issues are in `directory`."""
    source = os.environ.get("HARBOR_TRUSTED_CA")
    if not source:
        return None
    return Authority.load(directory, Path(source, "ca.crt").read_bytes(), Path(source, "ca.key").read_bytes())
