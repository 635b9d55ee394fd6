from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import (
    Action,
    DesiredRelease,
    ObservedRelease,
    ReleaseState,
    Revision,
    StoredRelease,
    Tree,
    UserValues,
)
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import read_payload
from harbor_operator.plan.release import (
    ACTION_FOR,
    check_change,
    determine_state,
    failures_in_a_row,
    first_difference,
    plan_release,
    retry_delay,
    unwrap_secrets,
)
from harbor_operator.reasons import Reason
from tests.fakes.helm import release_payload
from tests.fakes.release import registry, release_secrets

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
OWNER = names.owner_labels(registry())


def planned(version: str = "1.19.1", *user: Tree | UserValues, **spec: Any) -> DesiredRelease | Blocked:
    wanted = registry(version, **spec)
    assert wanted.spec.release
    return plan_release(wanted, wanted.spec.release, release_secrets(*user))


def desired(version: str = "1.19.1", *user: Tree | UserValues, **spec: Any) -> DesiredRelease:
    made = planned(version, *user, **spec)
    assert isinstance(made, DesiredRelease), made
    return made


def stored(of: DesiredRelease, **changes: Any) -> StoredRelease:
    return read_payload(SecretStr(release_payload(of, "deployed", NOON, 1, **changes)))


def revision(status: str, of: DesiredRelease | None = None, number: int = 1, owner: str = "cr") -> Revision:
    labels = names.owner_labels(registry()) | {names.REGISTRY_NAME: owner}
    return Revision(number, status, (of or desired()).digest, labels)


def deployed(release: DesiredRelease) -> ObservedRelease:
    return ObservedRelease([revision("deployed", release)], None, stored(release))


STATES = [
    ([], None, ReleaseState.ABSENT, Action.INSTALL),
    ([revision("uninstalled")], stored(desired()), ReleaseState.ABSENT, Action.INSTALL),
    ([revision("deployed")], stored(desired()), ReleaseState.DEPLOYED, Action.VERIFY),
    ([revision("failed")], stored(desired()), ReleaseState.FAILED, Action.RETRY),
    ([revision("deployed"), revision("failed", number=2)], stored(desired()), ReleaseState.FAILED, Action.RETRY),
    ([revision("failed"), revision("deployed", number=2)], stored(desired()), ReleaseState.DEPLOYED, Action.VERIFY),
    ([revision("pending-install")], stored(desired()), ReleaseState.PENDING, Action.UNLOCK),
    ([revision("pending-upgrade")], stored(desired()), ReleaseState.PENDING, Action.UNLOCK),
    ([revision("pending-rollback")], stored(desired()), ReleaseState.PENDING, Action.UNLOCK),
    ([revision("uninstalling")], stored(desired()), ReleaseState.PENDING, Action.UNLOCK),
    ([revision("deployed", owner="")], stored(desired()), ReleaseState.FOREIGN, Action.REFUSE),
    ([revision("failed", owner="other")], stored(desired()), ReleaseState.FOREIGN, Action.REFUSE),
    ([revision("deployed", desired("1.18.4"))], stored(desired("1.18.4")), ReleaseState.OUTDATED, Action.UPGRADE),
    # Upgraded by hand: Helm copied our label to a revision that is not ours.
    ([revision("deployed")], stored(desired(), config={"a": 1}), ReleaseState.OUTDATED, Action.UPGRADE),
    ([revision("deployed")], stored(desired(), chart_version="1.18.0"), ReleaseState.OUTDATED, Action.UPGRADE),
]


@pytest.mark.parametrize(("revisions", "newest", "state", "action"), STATES)
def test_each_state_has_one_action(
    revisions: list[Revision], newest: StoredRelease | None, state: ReleaseState, action: Action
) -> None:
    assert determine_state(ObservedRelease(revisions, None, newest), desired(), OWNER) is state
    assert ACTION_FOR[state] is action


def test_every_state_and_every_action_is_used() -> None:
    assert set(ACTION_FOR) == set(ReleaseState) == {row[2] for row in STATES}
    assert set(ACTION_FOR.values()) == set(Action)


def test_nulls_of_the_user_do_not_make_a_release_outdated() -> None:
    wanted = desired("1.19.1", {"core": {"resources": None}})
    kept = {key: value for key, value in unwrap_secrets(wanted.values).items() if key != "core"}
    core = {key: value for key, value in unwrap_secrets(wanted.values)["core"].items() if value is not None}
    newest = stored(wanted, config={**kept, "core": core})
    assert (
        determine_state(ObservedRelease([revision("deployed", wanted)], None, newest), wanted, OWNER)
        is ReleaseState.DEPLOYED
    )


def test_digest_is_stable_and_follows_chart_values_and_secrets() -> None:
    base = desired()
    assert desired().digest == base.digest
    others = [
        desired("1.19.0"),
        desired("1.19.1", {"logLevel": "debug"}),
        desired(release={"version": "1.19.1", "repository": "https://mirror.example.com"}),
    ]
    assert base.digest not in {other.digest for other in others}
    assert base.labels["harbor-operator.io/values"] == base.digest
    assert names.owner_labels(registry()).items() <= base.labels.items()


def test_secret_leaves_are_redacted() -> None:
    user = UserValues(
        "Secret 'x' key 'y'",
        {"trivy": {"gitHubToken": SecretStr("tokentoken"), "severity": SecretStr("no")}},
        secret=True,
    )
    hidden = {secret.get_secret_value() for secret in desired("1.19.1", user).secrets}
    assert "tokentoken" in hidden
    assert "no" not in hidden


@pytest.mark.parametrize(
    ("version", "spec", "reason"),
    [
        ("1.20.0", {"storage": None}, Reason.CHART_VERSION_UNKNOWN),
        ("2.0.0", {"storage": None}, Reason.CHART_VERSION_UNKNOWN),
        ("1.20.0", {}, Reason.SWIFT_UNSUPPORTED),
        ("1.19.3", {}, Reason.CHART_VERSION_REFUSED),
        ("1.16.3", {"externalURL": "http://cr.example.com", "expose": None}, Reason.CHART_VERSION_REFUSED),
        ("1.19.1", {"externalURL": "http://cr.example.com"}, Reason.INVALID_SPEC),
        ("1.16.4", {"cache": {"addresses": ["r:1"], "tls": True}}, Reason.VALUES_INVALID),
        ("1.4.6", {"cache": {"addresses": ["a:1"], "sentinelMaster": "m"}}, Reason.VALUES_INVALID),
        ("1.7.6", {"database": {"host": "fd00::1", "adminSecretRef": {"name": "a"}}}, Reason.VALUES_INVALID),
        ("1.19.1", {"cache": {"addresses": ["[fd00::1]:6379"]}}, Reason.VALUES_INVALID),
        ("1.8.3", {"database": {"host": "fd00::1", "adminSecretRef": {"name": "a"}}}, None),
        ("1.19.1", {"release": {"version": "1.19.1", "values": {}}}, None),
        ("1.16.3", {}, None),
    ],
)
def test_charts_that_do_not_fit_are_blocked(version: str, spec: dict[str, Any], reason: Reason | None) -> None:
    made = planned(version, **spec)
    assert (made.reason if isinstance(made, Blocked) else None) is reason


@pytest.mark.parametrize(
    ("installed", "wanted", "reason"),
    [
        ("1.19.1", "1.19.1", None),
        ("1.17.0", "1.19.1", None),
        ("1.16.4", "1.19.1", Reason.UPGRADE_REFUSED),
        ("1.19.1", "1.19.0", Reason.UPGRADE_REFUSED),
        ("1.19.1", "1.18.4", Reason.UPGRADE_REFUSED),
    ],
)
def test_upgrades_skip_at_most_one_minor_and_never_go_back(installed: str, wanted: str, reason: Reason | None) -> None:
    finding = check_change(ReleaseState.OUTDATED, deployed(desired(installed)), desired(wanted))
    assert (finding.reason if finding else None) is reason


def test_an_upgrade_to_a_chart_that_renames_the_volumes_needs_the_old_name() -> None:
    """Chart 1.6 names the objects of release 'harbor' 'harbor-harbor', and chart 1.7 'harbor'."""
    inside: dict[str, Any] = {"storage": None, "database": None}
    before = deployed(desired(release={"version": "1.6.4", "name": "harbor"}, **inside))
    release = {"version": "1.7.5", "name": "harbor"}
    finding = check_change(ReleaseState.OUTDATED, before, desired(release=release, **inside))
    assert finding
    assert finding.reason is Reason.RELEASE_NAME_CHANGED
    assert "`fullnameOverride` to 'harbor-harbor' in `spec.release.values`" in finding.message
    kept = desired("1.7.5", {"fullnameOverride": "harbor-harbor"}, release=release, **inside)
    assert check_change(ReleaseState.OUTDATED, before, kept) is None


S3 = {"s3": {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}}}


@pytest.mark.parametrize(("name", "installed"), [("filesystem", {"filesystem": {"size": "1Gi"}}), ("s3", S3)])
def test_another_storage_type_is_blocked(name: str, installed: dict[str, Any]) -> None:
    before = deployed(desired(storage=installed))
    finding = check_change(ReleaseState.OUTDATED, before, desired())
    assert finding
    assert finding.reason is Reason.STORAGE_TYPE_CHANGED
    assert check_change(ReleaseState.OUTDATED, before, desired(storage=installed)) is None
    assert f"'{name}'" in finding.message
    assert "'swift'" in finding.message


def test_failures_are_counted_for_this_digest_only() -> None:
    now, before = desired(), desired("1.18.4")
    history = [revision("failed", before, 1), revision("failed", now, 2), revision("failed", now, 3)]
    assert failures_in_a_row(ObservedRelease(history), now.digest) == 2
    assert failures_in_a_row(ObservedRelease(history), before.digest) == 0
    assert failures_in_a_row(ObservedRelease([]), now.digest) == 0


def test_retry_delay_doubles_up_to_a_maximum() -> None:
    assert [retry_delay(n) for n in (0, 1, 2, 3, 50)] == [0.0, 10.0, 20.0, 40.0, 900.0]


def test_the_first_stored_difference_is_found_without_its_value() -> None:
    wanted = desired()
    assert first_difference(wanted, stored(wanted)) == ""
    changed = {**unwrap_secrets(wanted.values), "core": {"secretName": "x"}}
    assert first_difference(wanted, stored(wanted, config=changed)).startswith("core.")
