"""The command line: `run` starts the operator, `crd` prints the CustomResourceDefinition."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import cast

from harbor_operator import __version__
from harbor_operator.api.crd import crd_yaml
from harbor_operator.settings import Settings, SettingsError, read_settings

UNUSED_CLIENTS = ("kubernetes", "kubernetes_asyncio", "pykube")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 stopped by an error, 2 wrong usage or settings."""
    parser = argparse.ArgumentParser(prog="harbor-operator", description="Kubernetes operator for the Harbor registry.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator (settings: HARBOR_OPERATOR_*, see docs/settings.md)")
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    chosen = parser.parse_args(arguments)
    if chosen.command == "crd":
        sys.stdout.write(crd_yaml())
        return 0
    return _run()


@contextmanager
def without_modules(names: Sequence[str]) -> Iterator[None]:
    """Makes imports of these modules fail inside the block, unless they are loaded already.

    Kopf imports every Kubernetes client it finds installed, for features that the operator does not use.
    """
    # The import system raises ModuleNotFoundError for an entry that is None.
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    hidden = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


def _run() -> int:
    # A core dump contains every Secret that the process has read. Helm inherits the limit.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The kernel ignores unhandled signals to the first process of a container, and the imports below take a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return load_run()(settings)


def load_run() -> Callable[[Settings], int]:
    """Imports the operator, which `crd` does not need, and returns its entry point."""
    with without_modules(UNUSED_CLIENTS):
        from harbor_operator.app import run  # noqa: PLC0415

    return run
