from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import (
    Action,
    DesiredRelease,
    ReleaseState,
    Revision,
    StoredRelease,
    Tree,
    UserValues,
)
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import read_payload, read_revisions, unlock_patch
from harbor_operator.plan.release import (
    ACTION_FOR,
    check_succession,
    determine_state,
    failures_in_a_row,
    plan_release,
    retry_delay,
    unwrap_secrets,
)
from harbor_operator.reasons import Reason
from tests.fakes.helm import release_payload
from tests.fakes.release import registry, release_secrets

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


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
    assert determine_state(revisions, newest, desired(), names.owner_labels(registry())) is state
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
        determine_state([revision("deployed", wanted)], newest, wanted, names.owner_labels(registry()))
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


def test_hidden_values_are_on_the_list_of_what_must_not_be_seen() -> None:
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
def test_versions_follow_each_other_or_not(installed: str, wanted: str, reason: Reason | None) -> None:
    finding = check_succession(stored(desired(installed)), desired(wanted))
    assert (finding.reason if finding else None) is reason


def test_another_storage_type_is_blocked() -> None:
    before = stored(desired(storage={"filesystem": {"size": "1Gi"}}))
    finding = check_succession(before, desired())
    assert finding
    assert finding.reason is Reason.STORAGE_TYPE_CHANGED
    assert "'filesystem'" in finding.message
    assert "'swift'" in finding.message


def test_failures_are_counted_for_this_wish_only() -> None:
    now, before = desired(), desired("1.18.4")
    history = [revision("failed", before, 1), revision("failed", now, 2), revision("failed", now, 3)]
    assert failures_in_a_row(history, now.digest) == 2
    assert failures_in_a_row(history, before.digest) == 0
    assert failures_in_a_row([], now.digest) == 0


def test_retries_grow_apart_up_to_a_quarter_of_an_hour() -> None:
    assert [retry_delay(n) for n in (0, 1, 2, 3, 50)] == [0.0, 10.0, 20.0, 40.0, 900.0]


def test_revisions_are_read_from_labels_in_order_of_number() -> None:
    labels = {"status": "deployed", "harbor-operator.io/values": "d"}
    found = [("sh.helm.release.v1.cr.v10", labels), ("sh.helm.release.v1.cr.v9", {}), ("other", labels)]
    assert read_revisions(found) == [Revision(9, "", ""), Revision(10, "deployed", "d", labels)]


def test_payload_tells_what_is_asked_of_it() -> None:
    observed = stored(desired(), description="Upgrade complete")
    assert observed.chart_version == "1.19.1"
    assert observed.harbor_version == "2.15.1"
    assert observed.config["externalURL"] == "https://cr.example.com"
    assert observed.changed_at == NOON.replace(microsecond=123456)
    assert observed.description == "Upgrade complete"


@pytest.mark.parametrize("payload", ["", "hush", base64.b64encode(b"hush").decode(), "H4sIAAAA"])
def test_garbage_is_not_a_release(payload: str) -> None:
    with pytest.raises(ValueError, match="not a release"):
        read_payload(SecretStr(payload))


def test_unlocking_marks_label_and_payload_and_keeps_the_rest() -> None:
    wanted = desired()
    patch = unlock_patch(SecretStr(release_payload(wanted, "pending-upgrade", NOON, 3)))
    assert patch["metadata"]["labels"] == {"status": "failed"}
    payload = base64.b64decode(patch["data"]["release"]).decode()
    observed = read_payload(SecretStr(payload))
    assert observed.config == unwrap_secrets(wanted.values)
    assert observed.description.startswith("marked as failed")
