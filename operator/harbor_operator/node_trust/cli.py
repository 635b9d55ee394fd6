"""The program of the DaemonSet: writes the files, repairs them, and removes them when the last pod of the node ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harbor_operator.node_trust.configuration import ConfigurationError, read_configuration
from harbor_operator.node_trust.files import apply, observe
from harbor_operator.node_trust.lock import NodeLock
from harbor_operator.node_trust.plan import Changes, Contents, desired_files, mark_of, plan_changes
from harbor_operator.plan.node_files import DIRECTORIES

CONFIGURATION = Path("/etc/node-trust")
INTERVAL_SECONDS = 5.0
STOP = {signal.SIGTERM, signal.SIGINT}


class NodeTrust:
    """Keeps the files in the directories of runtimes for one DaemonSet."""

    def __init__(self, instance: str, directories: Mapping[str, Path]) -> None:
        self._mark = mark_of(instance)
        self._directories = directories
        self._locks = {directory: NodeLock.acquire(directory, instance) for directory in directories.values()}
        self._reported: list[Path] = []

    def reconcile(self, folder: Path) -> None:
        """Makes the files those of the configuration. Raises ConfigurationError and OSError; the other files stay."""
        desired = desired_files(read_configuration(folder), self._directories, self._mark)
        changes = self._change(desired, [*self._directories.values()])
        if changes.foreign != self._reported:
            self._reported = changes.foreign
            for path in changes.foreign:
                _log(f"kept '{path}', which node-trust has not written: remove it if node-trust is to manage it")

    def end(self) -> None:
        """Removes all files of directories in which no other pod of the DaemonSet works. Raises OSError."""
        for directory, lock in self._locks.items():
            if lock.is_last():
                self._change({}, [directory])
                lock.remove()
            else:
                _log(f"kept the files in '{directory}', because another pod of the DaemonSet manages them")

    def _change(self, desired: Contents, directories: Sequence[Path]) -> Changes:
        changes = plan_changes(desired, observe(directories), self._mark)
        apply(changes)
        for path in changes.write:
            _log(f"wrote '{path}'")
        for path in changes.remove:
            _log(f"removed '{path}'")
        return changes


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM. After an error it ends with status 1, and the files stay as they are."""
    options = _arguments(argv)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    os.umask(0o022)
    try:
        trust = NodeTrust(options.instance, dict(options.certs_dir))
        trust.reconcile(options.configuration)
        while signal.sigtimedwait(STOP, INTERVAL_SECONDS) is None:
            trust.reconcile(options.configuration)
        trust.end()
    except ConfigurationError as error:
        _log(f"invalid configuration: {error}. No file was changed; correct the ConfigMap")
        return 1
    except OSError as error:
        _log(f"cannot read or write a file: {error}. Check the owner of the directory, and SELinux on the node")
        return 1
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m harbor_operator.node_trust", description=__doc__)
    parser.add_argument("--instance", required=True, help="the DaemonSet as NAMESPACE.NAME")
    parser.add_argument("--configuration", type=Path, default=CONFIGURATION, help="folder of config.json")
    parser.add_argument(
        "--certs-dir",
        type=_runtime_directory,
        action="append",
        required=True,
        metavar="RUNTIME=DIRECTORY",
        help=f"directory of one of {', '.join(DIRECTORIES)}; can be repeated",
    )
    return parser.parse_args(argv)


def _runtime_directory(value: str) -> tuple[str, Path]:
    runtime, _, directory = value.partition("=")
    if runtime not in DIRECTORIES or not Path(directory).is_absolute():
        raise argparse.ArgumentTypeError(f"'{value}' must be RUNTIME=DIRECTORY with one of {', '.join(DIRECTORIES)}")
    return runtime, Path(directory)


def _log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
