"""Which version of a server a variable selects."""

from __future__ import annotations

import pytest

from lab.gotools import PROGRAMS, TOOLS
from lab.process import LabError
from lab.versions import KUBERNETES, POSTGRES, REDIS


def test_nothing_is_selected_without_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARBOR_LAB_POSTGRES", raising=False)
    assert POSTGRES.selected() == ""


def test_the_variable_selects_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOR_LAB_POSTGRES", "13")
    assert POSTGRES.selected() == "13"


def test_an_unknown_version_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOR_LAB_REDIS", "7.0")
    with pytest.raises(LabError, match=r"`HARBOR_LAB_REDIS` is '7\.0'; allowed are redis-6\.2, redis-7\.0"):
        REDIS.selected()


def test_names_are_unique_among_all_servers() -> None:
    assert POSTGRES.name("13") == "postgres-13"
    assert REDIS.name("valkey-9.1") == "valkey-9.1"


def test_an_older_minor_has_its_own_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    server = PROGRAMS["kube-apiserver"]
    monkeypatch.delenv("HARBOR_LAB_KUBERNETES", raising=False)
    newest = server.home
    monkeypatch.setenv("HARBOR_LAB_KUBERNETES", "1.33")
    assert server.pins == TOOLS / "kubernetes-1.33"
    assert server.version.startswith("1.33.")
    assert server.home != newest
    assert PROGRAMS["etcd"].pins == TOOLS / "etcd"
    monkeypatch.setenv("HARBOR_LAB_KUBERNETES", KUBERNETES.versions[-1])
    assert server.home == newest
