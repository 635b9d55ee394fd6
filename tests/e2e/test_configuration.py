"""Harbor's own configuration: set as the spec says, corrected, reported, and otherwise left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from swiftclient import Connection

from lab.images import make_image
from lab.observer import Observer
from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.conftest import MakeRegistry
from tests.e2e.harbor_api import call_harbor

pytestmark = pytest.mark.e2e

GC = "/system/gc/schedule"


def events(fixture: RegistryFixture) -> list[str]:
    """The messages of the events about changes in Harbor."""
    found = fixture.lab.control_plane.kubectl(
        "-n", fixture.registry.namespace, "get", "events", "--field-selector=reason=ConfigurationChanged", "-o", "json"
    )
    return [event["message"] for event in json.loads(found)["items"]]


def test_a_setting_is_corrected_and_others_stay(full_registry: RegistryFixture) -> None:
    def days() -> int:
        return int(call_harbor(full_registry, "GET", "/configurations")["robot_token_duration"]["value"])

    call_harbor(full_registry, "PUT", "/configurations", {"robot_token_duration": 7, "banner_message": "theirs"})
    wait_until(lambda: days() == 30, "the operator corrects the setting", deadline=60)
    assert call_harbor(full_registry, "GET", "/configurations")["banner_message"]["value"] == "theirs"
    call_harbor(full_registry, "PUT", "/configurations", {"banner_message": ""})


def test_a_project_is_corrected_and_what_others_added_stays(full_registry: RegistryFixture) -> None:
    path = "/projects/team-a"

    def auto_scan() -> str:
        return str(call_harbor(full_registry, "GET", path)["metadata"]["auto_scan"])

    assert auto_scan() == "true"
    assert call_harbor(full_registry, "GET", "/projects/hub-mirror")["registry_id"] > 0
    call_harbor(full_registry, "PUT", path, {"metadata": {"auto_scan": "false", "prevent_vul": "true"}})
    wait_until(lambda: auto_scan() == "true", "the operator corrects the project", deadline=60)
    assert call_harbor(full_registry, "GET", path)["metadata"]["prevent_vul"] == "true"
    call_harbor(full_registry, "PUT", path, {"metadata": {"prevent_vul": "false"}})
    (member,) = call_harbor(full_registry, "GET", f"{path}/members")
    call_harbor(full_registry, "PUT", f"{path}/members/{member['id']}", {"role_id": 2})
    wait_until(
        lambda: call_harbor(full_registry, "GET", f"{path}/members")[0]["role_id"] == 1, "the role is back", deadline=60
    )


def test_the_password_of_the_administrator_is_rotated_on_request(full_registry: RegistryFixture) -> None:
    registry = full_registry.registry
    secret, accepted = f"hreg-{registry.name}-admin-password", f"hreg-{registry.name}-admin-accepted"
    before = registry.secret(secret)["password"]
    annotation = "harbor-operator.io/rotate-admin-password-requested-at=now"
    full_registry.lab.control_plane.kubectl("-n", registry.namespace, "annotate", "hreg", registry.name, annotation)
    wait_until(lambda: registry.secret(secret)["password"] != before, "a new password is stored", deadline=60)
    after = registry.secret(secret)["password"]
    wait_until(lambda: registry.secret(accepted)["password"] == after, "Harbor accepts it", deadline=60)
    assert call_harbor(full_registry, "GET", "/users/current")["username"] == "admin"
    registry.wait_ready()


def test_the_schedule_of_garbage_collection_is_kept(full_registry: RegistryFixture) -> None:
    expected = full_registry.spec["garbageCollection"]["schedule"]

    def cron() -> str | None:
        answer = call_harbor(full_registry, "GET", GC)
        return str(answer["schedule"]["cron"]) if answer else None

    assert cron() == expected
    changed = {"schedule": {"type": "Custom", "cron": "0 0 5 * * *"}, "parameters": {}}
    call_harbor(full_registry, "PUT", GC, changed)
    wait_until(lambda: cron() == expected, "the operator corrects the schedule", deadline=60)
    said = f"set `spec.garbageCollection.schedule` to '{expected}' (before: '0 0 5 * * *')"
    wait_until(lambda: any(said in message for message in events(full_registry)), "an event names it", deadline=30)


def test_a_run_of_garbage_collection_is_in_the_status(full_registry: RegistryFixture) -> None:
    call_harbor(full_registry, "POST", GC, {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}})
    (newest, *_) = call_harbor(full_registry, "GET", "/system/gc?page_size=1")

    def is_reported() -> bool:
        run = full_registry.registry.status().get("garbageCollection", {}).get("lastRun", {})
        return bool(run.get("id") == newest["id"] and run["status"] == "Success" and run["freedBytes"] == 0)

    wait_until(is_reported, "the status has the run with its result", deadline=60)


def collect(fixture: RegistryFixture) -> dict[str, Any]:
    """Runs garbage collection, and returns what the status says of the storage after it."""
    call_harbor(fixture, "POST", GC, {"schedule": {"type": "Manual"}, "parameters": {}})
    (newest, *_) = call_harbor(fixture, "GET", "/system/gc?page_size=1")
    found: dict[str, Any] = {}

    def is_compared() -> bool:
        found.update(fixture.registry.status().get("garbageCollection", {}).get("storage", {}))
        return bool(found.get("run") == newest["id"])

    wait_until(is_compared, "the storage is compared after the run", deadline=60)
    return found


def swift_of(fixture: RegistryFixture) -> closing[Connection]:
    """The store with the login of the registry."""
    lab, login = fixture.lab, fixture.registry.secret("swift")
    return closing(
        Connection(
            lab.services.auth_url, login["username"], login["password"], cacert=str(lab.authority.ca_path), retries=1
        )
    )


@contextmanager
def lost_layers(fixture: RegistryFixture) -> Iterator[None]:
    """Removes all data but one byte of each layer from the container until the block ends.

    A layer without any segment ends a garbage collection.
    """
    with swift_of(fixture) as swift:
        objects = fixture.lab.services.ceph.objects(fixture.container)
        segments = {
            stored.name: swift.get_object(fixture.container, stored.name)[1]
            for stored in objects
            if stored.name.startswith("segments/")
        }
        try:
            for name in segments:
                if name.endswith("/0000000000000001"):
                    swift.put_object(fixture.container, name, b"x")
                else:
                    swift.delete_object(fixture.container, name)
            yield
        finally:
            for name, content in segments.items():
                swift.put_object(fixture.container, name, content)


def codes(fixture: RegistryFixture) -> set[str]:
    return {warning["code"] for warning in fixture.registry.status().get("warnings", [])}


def test_the_storage_is_compared_with_the_images_after_a_collection(full_registry: RegistryFixture) -> None:
    """What the field notes saw: images in Harbor, and 0 B in the storage."""
    lab, registry = full_registry.lab, full_registry.registry
    size = 16 << 20
    make_image(lab.directory / "measured", size=size)
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/measured:1"
    credential, ca_dir = full_registry.admin_credential(), lab.authority.ca_dir
    full_registry.skopeo.copy_in(lab.directory / "measured", reference, authfile=credential, ca_dir=ca_dir)
    found = collect(full_registry)
    assert size <= found["imageBytes"] <= found["storedBytes"]
    assert "StorageDataMissing" not in codes(full_registry)
    with lost_layers(full_registry):
        found = collect(full_registry)
        assert found["storedBytes"] < found["imageBytes"]
        assert "StorageDataMissing" in codes(full_registry)
        registry.wait_ready()
    collect(full_registry)
    assert "StorageDataMissing" not in codes(full_registry)


def test_an_object_without_segments_is_named_until_it_is_deleted(full_registry: RegistryFixture) -> None:
    """It makes the real garbage collection of the registry fail."""
    registry, container = full_registry.registry, full_registry.container
    digest = "0" * 64
    broken = f"files/docker/registry/v2/blobs/sha256/00/{digest}/data"
    with swift_of(full_registry) as swift:
        headers = {"X-Object-Manifest": f"{container}/segments/none/"}
        swift.put_object(container, broken, b"", headers=headers)
        try:
            call_harbor(full_registry, "POST", GC, {"schedule": {"type": "Manual"}, "parameters": {}})
            found = {"GarbageCollectionFailed", "ZeroSegmentObject"}
            wait_until(lambda: found <= codes(full_registry), "the warnings name the cause", deadline=120)
            (message,) = [
                warning["message"]
                for warning in registry.status()["warnings"]
                if warning["code"] == "ZeroSegmentObject"
            ]
            assert f"'{broken}'" in message
        finally:
            swift.delete_object(container, broken)
    wait_until(lambda: "ZeroSegmentObject" not in codes(full_registry), "the finding ends", deadline=60)
    collect(full_registry)
    assert found.isdisjoint(codes(full_registry))


def test_a_client_deletes_an_image_and_a_collection_frees_its_space(
    full_registry: RegistryFixture, observer: Observer, tmp_path: Path
) -> None:
    observer.create_namespace("client")
    observer.wait_injected("client")
    lab, skopeo, size = full_registry.lab, full_registry.skopeo, 4 << 20
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/deleted:1"
    admin, pull_secret = full_registry.admin_credential(), full_registry.credential("client")
    ca_dir = lab.authority.ca_dir
    collect(full_registry)
    before = lab.services.ceph.objects(full_registry.container)
    make_image(tmp_path / "image", size=size)
    pushed = skopeo.copy_in(tmp_path / "image", reference, authfile=admin, ca_dir=ca_dir)
    with pytest.raises(LabError, match="cannot delete"):
        skopeo.delete(reference, authfile=pull_secret, ca_dir=ca_dir)
    assert skopeo.copy_out(reference, tmp_path / "pulled", authfile=pull_secret, ca_dir=ca_dir) == pushed

    skopeo.delete(reference, authfile=admin, ca_dir=ca_dir)
    with pytest.raises(LabError, match="manifest unknown"):
        skopeo.copy_out(reference, tmp_path / "gone", authfile=pull_secret, ca_dir=ca_dir)
    found = collect(full_registry)
    run = full_registry.registry.status()["garbageCollection"]["lastRun"]
    assert (run["id"], run["status"]) == (found["run"], "Success")
    assert size <= run["freedBytes"] < size + 65536
    left = lab.services.ceph.objects(full_registry.container)
    assert sum(one.size for one in left) < sum(one.size for one in before) + 65536
    assert {one.name for one in left if one.name.startswith("segments/")} <= {one.name for one in before}


def test_a_replication_rule_is_kept(full_registry: RegistryFixture) -> None:
    path = "/replication/policies"

    def cron() -> str:
        (rule,) = call_harbor(full_registry, "GET", f"{path}?q=name=base-images")
        return str(rule["trigger"]["trigger_settings"]["cron"])

    (rule,) = call_harbor(full_registry, "GET", path)
    assert (rule["name"], rule["src_registry"]["name"], cron()) == ("base-images", "hub", "0 0 0 * * 0")
    trigger = {"type": "scheduled", "trigger_settings": {"cron": "0 0 5 * * *"}}
    call_harbor(full_registry, "PUT", f"{path}/{rule['id']}", {**rule, "trigger": trigger, "description": "theirs"})
    wait_until(lambda: cron() == "0 0 0 * * 0", "the operator corrects the schedule", deadline=60)
    (rule,) = call_harbor(full_registry, "GET", path)
    assert rule["description"] == "theirs"


REFUSED: dict[str, dict[str, Any]] = {
    "give exactly one of `pullFrom` and `pushTo`": {"pullFrom": "hub", "pushTo": "hub"},
    "give at most one of `tagMatching`": {"pullFrom": "hub", "tagMatching": "a", "tagExcluding": "b"},
    "`onEvent` needs `pushTo`": {"pullFrom": "hub", "onEvent": True},
    "`replicateDeletion` needs `onEvent`": {"pushTo": "hub", "replicateDeletion": True},
}


def test_a_contradictory_replication_rule_is_rejected(make_registry: MakeRegistry) -> None:
    registry = make_registry("replication-rules")
    for message, rule in REFUSED.items():
        spec = {"externalURL": "https://localhost:1", "suspend": True, "replications": [{"name": "a", **rule}]}
        with pytest.raises(LabError, match=message):
            registry.apply(spec)
