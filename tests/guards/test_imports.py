"""Third-party packages, the environment, the clock and random numbers are used where they belong.

The import contracts in pyproject.toml check the layers of the package itself; they cannot say "everywhere but here".
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.guards.sources import SOURCE, module, tree

ADAPTERS = ("adapters/*",)
HOMES: dict[str, tuple[str, ...]] = {
    "aiohappyeyeballs": ADAPTERS,
    "aiohttp": ADAPTERS,
    "bcrypt": ADAPTERS,
    "cryptography": ADAPTERS,
    "kopf": ("handlers.py", "kopf_runtime.py"),
    "kubernetes": ("adapters/kubeconfig_reader.py",),
    "msgspec": ("adapters/*", "injector/*", "model/*", "plan/*"),
    "prometheus_client": ("metrics/*",),
    "psycopg": ADAPTERS,
    "pydantic": ("*",),
    "redis": ADAPTERS,
    "requests": ADAPTERS,
    "swiftclient": ADAPTERS,
    "typing_extensions": ("*",),
    "urllib3": ADAPTERS,
    "uvloop": ("app.py", "cli.py", "kopf_runtime.py"),
    "yaml": (
        "adapters/*",
        "api/crd.py",
        "kubectl/exporting/spec.py",
        "kubectl/planning/values.py",
        "kubectl/output.py",
        "kubectl/rendered.py",
        "plan/*",
        "steps/*",
    ),
    "yarl": ADAPTERS,
}
"""The files that import a third-party package; a package without an entry is imported nowhere."""

ENVIRONMENT = ("cli.py", "kubectl/cli.py", "settings.py")
UNPREDICTABLE = ("app.py", "leader.py", "adapters/*", "kubectl/cli.py", "kubectl/pod_doctor.py", "node_trust/files.py")
UNPREDICTABLE_MODULES = {"random", "secrets", "uuid"}
UNPREDICTABLE_CALLS = {
    "date.today", "datetime.now", "datetime.today", "datetime.utcnow", "os.urandom",
    "time.monotonic", "time.perf_counter", "time.time",
}  # fmt: skip


def imported(module_tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yields (module, name) of each import; the name is empty for `import module`."""
    for node in ast.walk(module_tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def attributes(module_tree: ast.Module) -> Iterator[str]:
    """Yields 'owner.attribute' of each attribute access on a name, and of each `from owner import attribute`."""
    for node in ast.walk(module_tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
    yield from (f"{origin}.{what}" for origin, what in imported(module_tree) if what)


def is_at_home(path: str, homes: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, home) for home in homes)


def violations(path: str, module_tree: ast.Module) -> Iterator[str]:
    """Yields what a file of the package uses although it belongs elsewhere."""
    for package in sorted({origin.split(".")[0] for origin, _ in imported(module_tree)}):
        if package not in {*sys.stdlib_module_names, "harbor_operator"} and not is_at_home(
            path, HOMES.get(package, ())
        ):
            yield package
        if package in UNPREDICTABLE_MODULES and not is_at_home(path, UNPREDICTABLE):
            yield package
    used = set(attributes(module_tree))
    if used & {"os.environ", "os.getenv", "os.environb"} and not is_at_home(path, ENVIRONMENT):
        yield "os.environ"
    if not is_at_home(path, UNPREDICTABLE):
        yield from sorted(used & UNPREDICTABLE_CALLS)


def test_everything_is_used_where_it_belongs() -> None:
    found = {f"{module(path)}:{what}" for path in SOURCE for what in violations(module(path), tree(path))}
    assert sorted(found) == []


def planted(path: str, code: str) -> list[str]:
    return list(violations(path, ast.parse(code)))


def test_the_guard_finds_a_package_outside_its_home() -> None:
    assert planted("steps/cache.py", "import redis.asyncio") == ["redis"]
    assert planted("steps/cache.py", "def f():\n    from kopf import event") == ["kopf"]
    assert planted("adapters/kube_client.py", "from kubernetes.config import load") == ["kubernetes"]
    assert planted("adapters/redis.py", "import redis\nimport json\nfrom harbor_operator.model import cache") == []
    assert planted("adapters/redis.py", "import flask") == ["flask"]


def test_the_guard_finds_the_environment_and_the_clock() -> None:
    assert planted("plan/names.py", "import os\nx = os.environ['A']") == ["os.environ"]
    assert planted("plan/names.py", "from os import environ") == ["os.environ"]
    assert planted("adapters/helm.py", "import os\nx = os.getenv('A')") == ["os.environ"]
    assert planted("settings.py", "import os\nx = os.environ") == []
    assert planted("plan/names.py", "from datetime import datetime\nx = datetime.now()") == ["datetime.now"]
    assert planted("steps/cache.py", "from time import monotonic") == ["time.monotonic"]
    assert planted("injector/queue.py", "import random") == ["random"]
    assert planted("adapters/secrets.py", "import secrets\nfrom datetime import datetime\nx = datetime.now()") == []
