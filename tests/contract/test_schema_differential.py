"""The API server accepts a spec exactly if the model does, which reads specs from files and from the API server."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from harbor_operator.adapters.kubeconfig import from_kubeconfig
from lab.controlplane import ControlPlane
from lab.registries import merged
from tests.campaign.admission import difference, error_of
from tests.campaign.api_server import ApiServer
from tests.campaign.coverage import Coverage
from tests.campaign.model import Case, cases
from tests.campaign.rule_cases import broken_specs
from tests.campaign.schema import Spec
from tests.campaign.seeds import SEEDS
from tests.campaign.transitions import is_possible

pytestmark = pytest.mark.lab

NAMESPACE = "campaign"
RANDOM_SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))
PAIRS = 1500

STRICTER: dict[str, str] = {
    "configuration": "a structural schema has no type for 'text, number or boolean', and no rule for its names",
}
"""Sections in which only the model refuses some values, and why."""


SAME_BUCKET = merged(
    SEEDS["migration"], {"storage": {"migration": {"to": {"s3": {"bucket": "old", "rootDirectory": None}}}}}
)
SAME_URLS = (
    "https://s3.example.com",
    "https://S3.example.com/",
    "https://s3.example.com:443",
    "https://s3.example.com:80",
)


def is_argued(case: Case) -> bool:
    return case.path.split(".")[0].removesuffix("{}") in STRICTER


@pytest.fixture(scope="module")
def server(plane: ControlPlane) -> ApiServer:
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return ApiServer(from_kubeconfig(plane.kubeconfig), NAMESPACE)


def named_specs() -> Iterator[tuple[str, Spec]]:
    """Yields the seeds, each change of a seed, and random pairs of changes."""
    yield from SEEDS.items()
    for url in SAME_URLS:
        yield f"migration to {url}", merged(SAME_BUCKET, {"storage": {"migration": {"to": {"s3": {"endpoint": url}}}}})
    yield from broken_specs()
    found = [case for case in cases(RANDOM_SEED) if not is_argued(case)]
    yield from ((describe(case), case.mutate(SEEDS[case.seed])) for case in found)
    generator = random.Random(RANDOM_SEED)  # noqa: S311 - choices of a test
    by_seed = {name: [case for case in found if case.seed == name] for name in SEEDS}
    for _ in range(PAIRS):
        first = generator.choice(found)
        second = generator.choice(by_seed[first.seed])
        changed = first.mutate(SEEDS[first.seed])
        if second.precondition(changed):
            yield f"{describe(first)} and {describe(second)}", second.mutate(changed)


def describe(case: Case) -> str:
    return f"{case.seed}: {case.kind} {case.place} = {str(case.value)[:80]!r}"


def updates() -> Iterator[tuple[str, str, Spec]]:
    """Yields names, seeds and their new specs: each other seed, and changes of what can be immutable."""
    yield from ((f"{old} to {new}", old, SEEDS[new]) for old in SEEDS for new in SEEDS)
    for case in cases(RANDOM_SEED):
        if case.path.startswith(("storage", "release.name", "database")) and case.kind not in {"type", "name"}:
            yield describe(case), case.seed, case.mutate(SEEDS[case.seed])


async def test_the_api_server_and_the_model_accept_the_same_specs(server: ApiServer) -> None:
    specs = list(named_specs())
    coverage = Coverage()
    differences = []
    for (name, spec), answer in zip(specs, await server.create(spec for _, spec in specs), strict=True):
        coverage.add(spec, answer)
        differences.append(difference(name, spec, answer))
    print(f"CAMPAIGN_SEED={RANDOM_SEED}: {len(specs)} specs, {coverage.summary()}")
    assert [text for text in differences if text] == []
    assert coverage.missing(with_updates=False) == []


async def test_the_api_server_refuses_the_updates_of_what_is_immutable(server: ApiServer) -> None:
    """The model does not know the old object; `transitions.py` does, for the campaign without an API server."""
    for name, spec in SEEDS.items():
        assert (await server.store(name, spec)).accepted, name
    changes = list(updates())
    coverage = Coverage()
    differences = []
    answers = await server.update((old, spec) for _, old, spec in changes)
    for (name, old, spec), answer in zip(changes, answers, strict=True):
        coverage.add(spec, answer, old=SEEDS[old])
        expected = not error_of(spec) and is_possible(SEEDS[old], spec)
        if answer.accepted != expected:
            differences.append(f"{name}: {answer.causes or 'only the API server accepts it'}")
    assert differences == []
    assert coverage.missing(with_updates=True) == []
