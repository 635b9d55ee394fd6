"""Gets a chart from a repository or an OCI registry, by processes of Helm that do nothing else.

Helm knows indexes, the protocol of registries, their token services, redirects and proxies; none of it is repeated
here. What a source sends is read by a process with limits, and by the operator only as an archive of a bounded size.
Helm takes a login for a repository in its arguments, which every process can read; here it comes in a configuration
file in memory.

Every pull has a directory of its own. In a shared one, Helm would take the archive that another namespace has pulled,
if an index gives the digest of that one.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from harbor_operator.adapters.anonymous_file import anonymous_file, inherited_path
from harbor_operator.adapters.helm_charts import LoadedChart, RemoteChart, load_chart
from harbor_operator.adapters.helm_process import (
    HelmCommand,
    describe_crash,
    kill_helm,
    read_output,
    start_helm,
    values_text,
)
from harbor_operator.adapters.process_output import redacted_tail
from harbor_operator.checks.chart_sources import chart_not_obtained
from harbor_operator.model.release import DesiredRelease, RepositoryAccess
from harbor_operator.ports import as_error

MAX_PULL_SECONDS = 120.0
MAX_PULL_MEMORY_MIB = 256
MAX_ERROR_CHARACTERS = 600

_NAME = "source"
# The key under which Docker, and so Helm, looks for the login of this registry.
_DOCKER_HUB, _DOCKER_HUB_KEY = "registry-1.docker.io", "https://index.docker.io/v1/"

OnStart = Callable[[asyncio.subprocess.Process], None]


@dataclass(frozen=True, slots=True)
class _Pull:
    """The commands of one pull, and the open files that its processes inherit."""

    directory: Path
    commands: tuple[tuple[str, ...], ...]
    files: tuple[IO[bytes], ...]


@dataclass(frozen=True, slots=True)
class ChartPuller:
    """Runs `program` in directories below `home`; `environment` names the proxy and authorities."""

    program: str
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = MAX_PULL_SECONDS

    async def pull(self, chart: RemoteChart, desired: DesiredRelease, on_start: OnStart) -> LoadedChart:
        """Returns the archive after all checks; `on_start` gets each process of Helm.

        Raises Unavailable(CHART_UNAVAILABLE) if the source does not give it within the limits, OSError if the program
        cannot be started, and as `load_chart`.
        """
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix="pull-", dir=self.home) as name, ExitStack() as stack:
            pull = _prepare(stack, Path(name), chart, desired)
            try:
                async with asyncio.timeout(self.timeout_seconds):
                    for arguments in pull.commands:
                        if error := await self._run(pull, arguments, desired, on_start):
                            raise as_error(chart_not_obtained(chart.place, error))
            except TimeoutError:
                error = f"it did not end within {self.timeout_seconds:.0f} seconds"
                raise as_error(chart_not_obtained(chart.place, error)) from None
            return await asyncio.to_thread(_load, pull.directory, chart, desired)

    async def _run(self, pull: _Pull, arguments: tuple[str, ...], desired: DesiredRelease, on_start: OnStart) -> str:
        """Returns the error of the process, or an empty text."""
        command = HelmCommand(
            self.program,
            pull.directory,
            arguments,
            MAX_PULL_MEMORY_MIB,
            pull.files,
            environment=self.environment,
            shows_output=True,  # `helm repo update` prints there what went wrong
        )
        child = await start_helm(command)
        on_start(child)
        try:
            tail, is_cut = await read_output(child)
        finally:
            await kill_helm(child)
        if child.returncode == 0:
            return ""
        text = " ".join(redacted_tail(tail, _secrets(desired.repository_access), is_cut=is_cut).split())
        return describe_crash(child.returncode, MAX_PULL_MEMORY_MIB) or text[-MAX_ERROR_CHARACTERS:]


def _prepare(stack: ExitStack, directory: Path, chart: RemoteChart, desired: DesiredRelease) -> _Pull:
    def open_file(name: str, content: bytes) -> IO[bytes]:
        return stack.enter_context(anonymous_file(name, content, directory))

    access = desired.repository_access
    ca = open_file("ca", access.ca.encode()) if access.ca else None
    ca_path = inherited_path(ca) if ca else ""
    target = ("--version", desired.version, "--destination", str(_archive_directory(directory)))
    if chart.repository:
        config = open_file("repositories", _repositories(chart.repository, access, ca_path))
        flags = ("--repository-config", inherited_path(config))
        commands: tuple[tuple[str, ...], ...] = (
            ("repo", "update", _NAME, *flags),
            ("pull", f"{_NAME}/{chart.reference}", *target, *flags),
        )
    else:
        config = open_file("registries", _registries(chart.reference, access))
        trust = ("--ca-file", ca_path) if ca else ()
        commands = (("pull", chart.reference, *target, "--registry-config", inherited_path(config), *trust),)
    return _Pull(directory, commands, tuple(file for file in (config, ca) if file))


def _repositories(url: str, access: RepositoryAccess, ca_path: str) -> bytes:
    entry: dict[str, Any] = {"name": _NAME, "url": url}
    if access.login:
        # Without `pass_credentials_all`, Helm sends them to the host of the repository only.
        entry |= {"username": access.login.username, "password": access.login.password.get_secret_value()}
    if ca_path:
        entry["caFile"] = ca_path
    return values_text({"apiVersion": "v1", "repositories": [entry]}).encode()


def _registries(reference: str, access: RepositoryAccess) -> bytes:
    if access.login is None:
        return values_text({"auths": {}}).encode()
    host = urlsplit(reference).netloc
    key = _DOCKER_HUB_KEY if host == _DOCKER_HUB else host
    return values_text({"auths": {key: {"auth": base64.b64encode(_basic(access).encode()).decode()}}}).encode()


def _basic(access: RepositoryAccess) -> str:
    return f"{access.login.username}:{access.login.password.get_secret_value()}" if access.login else ""


def _secrets(access: RepositoryAccess) -> tuple[SecretStr, ...]:
    """Returns the password, alone and as the header of a login contains it: a server could repeat it."""
    return (access.login.password, SecretStr(_basic(access))) if access.login else ()


def _archive_directory(directory: Path) -> Path:
    path = directory / "archive"
    path.mkdir(exist_ok=True)
    return path


def _load(directory: Path, chart: RemoteChart, desired: DesiredRelease) -> LoadedChart:
    # The index chooses the name of the file.
    found = sorted(_archive_directory(directory).iterdir())
    if not found:
        raise as_error(chart_not_obtained(chart.place, "it wrote no archive"))
    return load_chart(found[0], desired, chart.place)
