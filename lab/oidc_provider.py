"""An OpenID provider with a discovery document, with refresh tokens or without."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING

from lab.gotools import program
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority

NAME = "oidc-provider"


class OidcProvider:
    """The provider at `issuer`, over TLS with a certificate of the lab."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority) -> None:
        self._processes = processes
        self._authority = authority
        self._port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self._issued = authority.issue(NAME)
        self._process: Process | None = None

    @property
    def issuer(self) -> str:
        """The issuer URL."""
        return f"https://localhost:{self._port}"

    def start(self, *, refresh: bool) -> None:
        """Starts the provider on its port, after stopping the one that runs there. Raises LabError."""
        self.stop()
        address, files = f"127.0.0.1:{self._port}", [self._issued.cert_path, self._issued.key_path]
        flags = ["refresh"] if refresh else []
        self._process = self._processes.start(NAME, [program(NAME), self.issuer, address, *files, *flags])
        wait_until(self._answers, "the OpenID provider answers", deadline=20, process=self._process)

    def stop(self) -> None:
        """Stops the provider, if it runs."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _answers(self) -> bool:
        trust = ssl.create_default_context(cafile=str(self._authority.ca_path))
        url = f"{self.issuer}/.well-known/openid-configuration"
        with urllib.request.urlopen(url, timeout=5, context=trust) as answer:  # noqa: S310 - always https
            return bool(answer.status)
