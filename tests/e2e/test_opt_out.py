"""Namespaces and service accounts choose by annotation, within what the registry selects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.process import wait_until
from lab.registries import Registry
from tests.e2e.pull_only import (  # noqa: F401 - fixtures
    PullOnlyLab,
    lab_of_pull_only,
    pull_only_lab,
    ready_registry,
)
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, references

pytestmark = pytest.mark.e2e

INJECT = "harbor-operator.io/inject"


@pytest.fixture
def opt_in(registry: Registry) -> Iterator[None]:
    registry.patch({"pullSecrets": {"namespaces": {"optIn": True}}})
    yield
    registry.patch({"pullSecrets": {"namespaces": {"optIn": None}}})


def annotate(lab: Lab, *arguments: str) -> None:
    lab.control_plane.kubectl("annotate", "--overwrite", *arguments)


def wait_released(observer: Observer, namespace: str) -> None:
    """Waits until neither the Secret nor a reference to it is left."""
    wait_until(
        lambda: pull_secret(observer, namespace) is None and PULL_SECRET not in references(observer, namespace),
        f"'{namespace}' is released",
        deadline=60,
    )


def test_a_namespace_opts_out_and_in_again(registry: Registry, lab: Lab, observer: Observer, namespace: str) -> None:
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    annotate(lab, "namespace", namespace, f"{INJECT}=disabled")
    wait_released(observer, namespace)
    annotate(lab, "namespace", namespace, f"{INJECT}-")
    observer.wait_injected(namespace)


def test_an_account_opts_out_and_keeps_what_its_owner_writes(
    registry: Registry, lab: Lab, observer: Observer, namespace: str
) -> None:
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    account = ("-n", namespace, "serviceaccount", "default")
    annotate(lab, *account, f"{INJECT}=disabled")
    wait_until(lambda: references(observer, namespace) == [], "the reference is removed", deadline=60)
    assert pull_secret(observer, namespace) is not None

    patch = f'{{"imagePullSecrets":[{{"name":"{PULL_SECRET}"}}]}}'
    lab.control_plane.kubectl("patch", *account, "--type=merge", "-p", patch)
    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    wait_until(lambda: pull_secret(observer, namespace) is not None, "the Secret is repaired", deadline=60)
    assert references(observer, namespace) == [PULL_SECRET]


def test_opt_in_selects_only_namespaces_that_ask(
    registry: Registry, opt_in: None, lab: Lab, observer: Observer, namespace: str
) -> None:
    wait_released(observer, "default")
    create_namespace(lab, observer, namespace)
    annotate(lab, "namespace", namespace, f"{INJECT}=enabled")
    observer.wait_injected(namespace)
    create_namespace(lab, observer, silent := f"silent-{namespace}"[:63])
    annotate(lab, "namespace", namespace, f"{INJECT}-")
    wait_released(observer, namespace)
    assert pull_secret(observer, silent) is None
    assert pull_secret(observer, "default") is None
