"""The large clients stay unloaded until a registry needs them, and then the real adapters are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harbor_operator.adapters import on_demand
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.adapters.swift import SwiftObjectStore

SOURCE = Path(__file__).parents[3] / "operator"


def test_an_operator_that_only_injects_pull_secrets_loads_none_of_them() -> None:
    load = "import sys; from harbor_operator.cli import load_run; load_run(); "
    code = load + "print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {"PYTHONPATH": str(SOURCE)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert not {"psycopg", "redis", "swiftclient", "requests", "cryptography", "bcrypt"} & set(answer.stdout.split())


@pytest.mark.parametrize(
    ("port", "adapter"),
    [
        (on_demand.postgres(), PsycopgPostgres()),
        (on_demand.redis(), RedisPyCache()),
        (on_demand.swift(), SwiftObjectStore()),
    ],
)
def test_the_first_call_loads_the_adapter(port: object, adapter: object) -> None:
    verbs = [name for name in dir(adapter) if not name.startswith("_")]
    assert verbs
    for verb in verbs:
        assert getattr(port, verb).__func__ is getattr(type(adapter), verb)
