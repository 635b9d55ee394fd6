"""Harbor's read-only mode during a backup.

An annotation of the HarborRegistry says that a backup set it: a run that was killed leaves both, the next one and the
operator notice, and `backup --release` ends both.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.backups.failures import as_command_error
from harbor_operator.kubectl.cluster import Cluster, Manifest, Target, connect
from harbor_operator.kubectl.errors import CommandError, RequestError
from harbor_operator.kubectl.output import notice
from harbor_operator.kubectl.registries import key_of, path_of, the_registry
from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting

SETTING = "read_only"
MARK_ATTEMPTS = 5
"""The operator writes the status of the object meanwhile."""


@dataclass(slots=True)
class ReadOnlyMode:
    """Harbor's read-only mode during a block; `is_released` says after the block whether it has ended as it should."""

    is_released: bool = True


@contextmanager
def read_only(
    target: Target, registry: HarborRegistry, admin: HarborEndpoint, since: datetime
) -> Iterator[ReadOnlyMode]:
    """Keeps Harbor read-only during the block, and puts back what was set before, also after an error or a signal.

    Raises CommandError if it cannot be set, another backup set it, or Harbor is writable at the end of the block. That
    it could not be ended is only printed: what the block has made is complete.
    """
    mode = ReadOnlyMode()
    before = _read(admin)
    if before.value:
        with connect(target) as cluster:
            check_unmarked(the_registry(cluster, registry.metadata.name))
        notice("Harbor is in read-only mode already, and stays in it")
        yield mode
        check_kept(_read(admin))
        return
    check_settable(registry, before)
    try:
        with connect(target) as cluster:
            mark(cluster, registry.metadata.name, since)
        notice("Harbor is read-only now: pushes are refused until the backup ends")
        _write(admin, value=True)
        yield mode
        check_kept(_read(admin))
    finally:
        with _without_signals():
            if not _is_marked_by_other(target, registry, since):
                try:
                    release(target, registry, admin)
                except CommandError as error:
                    mode.is_released = False
                    notice(str(error))


def mark(cluster: Cluster, name: str, since: datetime) -> None:
    """Records on the HarborRegistry that a backup sets read-only mode. Raises CommandError if another one did."""
    for _ in range(MARK_ATTEMPTS):
        found = the_registry(cluster, name)
        check_unmarked(found)
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            annotate(cluster, found, {READ_ONLY_SINCE: since.isoformat()}, metadata)
        except RequestError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
        else:
            return
    raise CommandError(f"HarborRegistry '{key_of(found)}' changes all the time: repeat the command")


def check_unmarked(found: Manifest) -> None:
    """Raises CommandError if a backup of this HarborRegistry runs, or was killed."""
    if since := _mark_of(found):
        raise CommandError(
            f"a backup that began at {since} keeps Harbor read-only: wait for its end, or, if none runs, run "
            f"`{release_command(found['metadata']['namespace'], found['metadata']['name'])}`"
        )


def release(target: Target, registry: HarborRegistry, admin: HarborEndpoint) -> None:
    """Makes Harbor writable, and removes the annotation. Raises CommandError, which says how to repeat it."""
    command = release_command(registry.metadata.namespace, registry.metadata.name)
    try:
        _write(admin, value=False)
    except CommandError as error:
        raise CommandError(
            f"Harbor may be read-only still, and refuse pushes: {error}. To make it writable, run `{command}`"
        ) from None
    try:
        with connect(target) as cluster:
            found = the_registry(cluster, registry.metadata.name)
            if _mark_of(found):
                annotate(cluster, found, {READ_ONLY_SINCE: None})
    except CommandError as error:
        raise CommandError(
            f"Harbor is writable again, but annotation `{READ_ONLY_SINCE}` says that it is read-only, and could not be "
            f"removed: {error}. The next backup is refused until you run `{command}`"
        ) from None
    notice("Harbor is writable again")  # last, because the terminal may be closed


def annotate(cluster: Cluster, found: Manifest, annotations: Manifest, metadata: Manifest | None = None) -> None:
    """Sets annotations of a HarborRegistry; None removes one."""
    path = path_of(found["metadata"]["namespace"], found["metadata"]["name"])
    cluster.merge(path, {"metadata": {**(metadata or {}), "annotations": annotations}})


def release_command(namespace: str, name: str) -> str:
    """Returns the command that makes Harbor writable after a backup was killed."""
    return f"kubectl harbor backup {name} -n {namespace} --release"


def check_settable(registry: HarborRegistry, before: ObservedSetting) -> None:
    """Raises CommandError if Harbor would not become read-only, or not stay it."""
    if SETTING in registry.spec.configuration and not registry.spec.suspend:
        command = f"kubectl harbor suspend {registry.metadata.name} -n {registry.metadata.namespace} --wait"
        raise CommandError(
            "the operator would end the read-only mode during the backup, because `spec.configuration` sets "
            f"'{SETTING}': remove it there, or run `{command}` before"
        )
    if not before.is_editable:
        raise CommandError(
            f"Harbor does not let its administrator change '{SETTING}', because CONFIG_OVERWRITE_JSON fixes its "
            f"settings: set '{SETTING}' there for the backup"
        )


def check_kept(after: ObservedSetting) -> None:
    """Raises CommandError if Harbor did not stay read-only until the end of the backup."""
    if not after.value:
        raise CommandError(
            f"Harbor became writable during the backup, so that its files might not fit together: another client set "
            f"'{SETTING}' to false. Prevent that, and repeat the command"
        )


def _is_marked_by_other(target: Target, registry: HarborRegistry, since: datetime) -> bool:
    """Whether another backup keeps Harbor read-only; False if the API server does not say it."""
    try:
        with connect(target) as cluster:
            return _mark_of(the_registry(cluster, registry.metadata.name)) not in {"", since.isoformat()}
    except CommandError:
        return False


def _mark_of(found: Manifest) -> str:
    """Returns since when a backup keeps Harbor read-only; empty if none does."""
    return str((found["metadata"].get("annotations") or {}).get(READ_ONLY_SINCE) or "")


def _read(admin: HarborEndpoint) -> ObservedSetting:
    with as_command_error():
        found = asyncio.run(HttpHarborConfiguration(HarborHttp()).read_configuration(admin))
    if SETTING not in found:
        raise CommandError(f"Harbor has no setting '{SETTING}': a backup of a Harbor that is written to is of no use")
    return found[SETTING]


def _write(admin: HarborEndpoint, *, value: bool) -> None:
    with as_command_error():
        asyncio.run(HttpHarborConfiguration(HarborHttp()).write_configuration(admin, {SETTING: value}))
    if _read(admin).value is not value:
        raise CommandError(f"Harbor does not keep the setting '{SETTING}': {value}")


@contextmanager
def _without_signals() -> Iterator[None]:
    """Ignores Ctrl-C, SIGTERM and a closed terminal: the block is short, and must not end half way."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
