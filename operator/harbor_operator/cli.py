"""The command line: `run` starts the operator, `crd` prints its CRD, `migrate` replaces another injector.

`doctor` is what `kubectl harbor doctor --in-cluster` runs in a pod.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import cast

from harbor_operator import __version__
from harbor_operator.api.crd import crd_yaml
from harbor_operator.kubectl.areas import Area
from harbor_operator.model.migration import Tool
from harbor_operator.settings import Settings, SettingsError, read_settings

UNUSED_CLIENTS = ("kubernetes", "kubernetes_asyncio", "pykube")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 stopped by an error, 2 wrong usage or settings."""
    parser = argparse.ArgumentParser(prog="harbor-operator", description="Kubernetes operator for the Harbor registry.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator (settings: HARBOR_OPERATOR_*, see docs/settings.md)")
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    text = "take over the pull Secrets of another injector (docs/operations.md); prints the plan without --apply"
    _add_migrate_options(commands.add_parser("migrate", help=text, description=text))
    text = "check a spec in a pod, for `kubectl harbor doctor --in-cluster` (settings: those of `run`)"
    _add_doctor_options(commands.add_parser("doctor", help=text, description=text))
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "crd":
            sys.stdout.write(crd_yaml())
            return 0
        case "migrate":
            return _migrate(chosen)
        case "doctor":
            return _doctor(chosen)
        case _:
            return _run()


def _add_migrate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="tool", required=True, choices=[tool.value for tool in Tool], help="the injector"
    )
    parser.add_argument(
        "--registry", required=True, type=_registry_key, metavar="NAMESPACE/NAME", help="HarborRegistry that takes over"
    )
    parser.add_argument("--apply", action="store_true", help="execute the plan")
    parser.add_argument(
        "--remove-doubles", action="store_true", help="also remove Secrets of another name that are no longer needed"
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table", help="format of the plan")
    parser.add_argument("--kubeconfig", default="", help="path; default: KUBECONFIG, then ~/.kube/config")
    parser.add_argument("--context", default="", help="context of the kubeconfig; default: the current one")


def _add_doctor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--filename", required=True, help="file with one HarborRegistry")
    parser.add_argument("--namespace", default="default", help="namespace, if the file names none")
    parser.add_argument("--only", action="append", default=[], type=Area, choices=[*Area], help="area; repeatable")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for each check")


def _registry_key(text: str) -> str:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAMESPACE/NAME")
    return text


def _migrate(chosen: argparse.Namespace) -> int:
    from harbor_operator.migration.command import MigrateOptions, run  # noqa: PLC0415 - `run` and `crd` do not need it

    kubeconfig = chosen.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config"
    return run(
        MigrateOptions(
            Tool(chosen.tool),
            chosen.registry,
            Path(kubeconfig),
            chosen.context,
            apply=chosen.apply,
            remove_doubles=chosen.remove_doubles,
            as_json=chosen.output == "json",
        )
    )


def _doctor(chosen: argparse.Namespace) -> int:
    from harbor_operator.kubectl.pod_doctor import PodOptions, run  # noqa: PLC0415 - `run` and `crd` do not need it

    settings = _prepare()
    options = PodOptions(chosen.filename, chosen.namespace, chosen.only, chosen.timeout)
    return run(settings, options) if settings else 2


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
    settings = _prepare()
    return load_run()(settings) if settings else 2


def _prepare() -> Settings | None:
    """Protects the process, and returns its settings; None after a message if they are invalid."""
    # A core dump contains every Secret that the process has read. Helm inherits the limit.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The kernel ignores unhandled signals to the first process of a container, and the imports below take a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return None


def load_run() -> Callable[[Settings], int]:
    """Imports the operator, which `crd` does not need, and returns its entry point."""
    with without_modules(UNUSED_CLIENTS):
        from harbor_operator.app import run  # noqa: PLC0415

    return run
