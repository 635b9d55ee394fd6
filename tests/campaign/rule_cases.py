"""Specs that break the rules and limits which no change of one value breaks."""

from __future__ import annotations

from collections.abc import Iterator

from lab.registries import merged
from tests.campaign.references import CA, login
from tests.campaign.schema import Spec
from tests.campaign.seeds import SEEDS

MAX_SETTINGS = 128
LONG_SCHEDULE = f"0{',0' * 200} 0 0 * * *"
BAD_PARAMETERS = {
    "gcs": ({"chunksize": "262145"}, {"useWorkloadIdentity": "maybe"}),
    "oss": ({"chunksize": "1"},),
    "s3": (
        {"chunksize": "1"},
        {"multipartcopychunksize": "1"},
        {"multipartcopymaxconcurrency": "0"},
        {"multipartcopythresholdsize": "many"},
    ),
    "swift": ({"chunksize": "1"}, {"tempurlmethods": "FETCH"}),
}
"""Values with which a driver does not start."""


def broken_specs() -> Iterator[tuple[str, Spec]]:
    """Yields names and specs."""
    for driver, several in BAD_PARAMETERS.items():
        for parameters in several:
            change = {"storage": {"driver": {"parameters": parameters}}}
            yield f"driver {driver} with {parameters}", merged(SEEDS[f"driver-{driver}"], change)
    for name in ("driver-azure", "identity"):
        yield f"deletion with {name}", merged(SEEDS[name], {"deletionPolicy": {"storage": "Delete"}})
    identity: Spec = {"s3": {"credentialsSecretRef": None, "provision": None, "ambientIdentity": {}}}
    yield "migration from an identity", merged(SEEDS["migration"], {"storage": identity})
    yield "migration to an identity", merged(SEEDS["migration"], {"storage": {"migration": {"to": identity}}})
    settings = {f"setting_{number}": 1 for number in range(MAX_SETTINGS + 1)}
    yield "too many settings", merged(SEEDS["harbor"], {"configuration": settings})
    given = {"adminSecretRef": None, "rotateAfterDays": None, "maintenanceDatabase": "other"}
    yield (
        "a given role with a maintenance database",
        merged(SEEDS["full"], {"database": {**given, "credentialsSecretRef": login("role"), "caSecretRef": CA}}),
    )
    for url in ("http://charts.example.com/harbor.tgz", "https://user@charts.example.com/harbor.tgz"):
        yield f"chart {url}", merged(SEEDS["full"], {"release": {"chart": url, "repository": None}})
    same = {"bucket": "harbor", "rootDirectory": None}
    yield (
        "migration to the bucket of the container",
        merged(SEEDS["swift-migration"], {"storage": {"migration": {"to": {"s3": same}}}}),
    )
    yield from _schedules()
    yield "the Secret of a robot with a name of the operator", _with_project(_robot_in("hreg-x"))


def _schedules() -> Iterator[tuple[str, Spec]]:
    harbor = SEEDS["harbor"]
    for section in ("purgeAudit", "scanAll"):
        yield f"long schedule of {section}", merged(harbor, {section: {"schedule": LONG_SCHEDULE}})
    replication = {**harbor["replications"][0], "schedule": LONG_SCHEDULE}
    yield "long schedule of a replication", merged(harbor, {"replications": [replication]})
    retention = {**harbor["projects"][0]["retention"], "schedule": LONG_SCHEDULE}
    yield "long schedule of a retention", _with_project({"retention": retention})


def _robot_in(secret: str) -> Spec:
    robot = SEEDS["harbor"]["projects"][0]["robots"][0]
    return {"robots": [{**robot, "secret": {**robot["secret"], "name": secret}}]}


def _with_project(change: Spec) -> Spec:
    harbor = SEEDS["harbor"]
    first, *others = harbor["projects"]
    return merged(harbor, {"projects": [{**first, **change}, *others]})
