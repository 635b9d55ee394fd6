"""The token service and /v2/, as a container runtime uses them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from tests.contract.harbor.conftest import login_of, pull_only
from tests.contract.harbor.images import MANIFEST, actions_of, bearer, challenge_of, claims_of, push

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.contract.harbor.client import HarborClient

    MakeRobot = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
WRONG = ("admin", "Wrong-password-1")


async def test_an_image_pushed_can_be_pulled(harbor: HarborClient, robot: MakeRobot, project: str, fresh: str) -> None:
    repository, layer = f"{project}/app", os.urandom(3 << 20)
    digest = await push(harbor, harbor.admin, repository, layer)
    login = login_of(await robot(pull_only(fresh)))
    headers = await bearer(harbor, login, f"repository:{repository}:pull")
    accept = [("Accept", MANIFEST), ("Accept", DOCKER_MANIFEST)]  # clients repeat the header
    wanted = CIMultiDict([*headers.items(), *accept])
    manifest = await harbor.call("GET", f"/v2/{repository}/manifests/latest", headers=wanted)
    assert manifest.headers["Docker-Content-Digest"] == digest
    blob = manifest.json()["layers"][0]["digest"]
    assert (await harbor.call("GET", f"/v2/{repository}/blobs/{blob}", headers=headers)).body == layer
    head = await harbor.call("HEAD", f"/v2/{repository}/blobs/{blob}", headers=headers)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(layer)), b"")


async def test_basic_auth_works_for_a_manifest(harbor: HarborClient, robot: MakeRobot, project: str) -> None:
    await push(harbor, harbor.admin, f"{project}/app", b"layer")
    login = login_of(await robot(pull_only("basic-" + project, project)))
    path = f"/v2/{project}/app/manifests/latest"
    headers = {"Accept": MANIFEST}
    assert (await harbor.call("HEAD", path, login=login, headers=headers)).status == 200
    assert (await harbor.call("HEAD", path, headers=headers)).status == 401


async def test_a_project_with_repositories_cannot_be_deleted(harbor: HarborClient, project: str) -> None:
    await push(harbor, harbor.admin, f"{project}/app", b"layer")
    answer = await harbor.as_admin("DELETE", f"/projects/{project}")
    assert (answer.status, answer.code) == (412, "PRECONDITION")


async def test_v2_distinguishes_valid_and_wrong_logins(harbor: HarborClient) -> None:
    good = await harbor.call("GET", "/v2/", login=harbor.admin)
    assert (good.status, good.json()) == (200, {})
    bad = await harbor.call("GET", "/v2/", login=WRONG)
    assert (bad.status, bad.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")


async def test_the_challenge_names_the_token_service(harbor: HarborClient) -> None:
    challenge = challenge_of(await harbor.call("GET", "/v2/"))
    assert challenge.service == "harbor-registry"
    assert urlsplit(challenge.realm).path == "/service/token"


async def test_the_token_service_has_the_host_of_the_request(harbor: HarborClient) -> None:
    answer = await harbor.call("GET", "/v2/", headers={"Host": "other.example.com"})
    assert urlsplit(challenge_of(answer).realm).netloc == "other.example.com"


async def test_a_wrong_login_is_not_sent_to_the_token_service(harbor: HarborClient, project: str) -> None:
    for path in ("/v2/", f"/v2/{project}/app/manifests/latest", "/v2/_catalog"):
        answer = await harbor.call("GET", path, login=WRONG)
        assert (answer.status, answer.headers["Www-Authenticate"]) == (401, 'Basic realm="harbor"')


async def test_a_client_that_waits_before_it_sends_gets_another_status(harbor: HarborClient, project: str) -> None:
    """Core passes the interim answer of the registry on, and has no other status left for the final one."""
    headers = await bearer(harbor, harbor.admin, f"repository:{project}/app:pull,push")
    started = await harbor.call("POST", f"/v2/{project}/app/blobs/uploads/", headers=headers)
    path = started.headers["Location"]
    octets = {**headers, "Content-Type": "application/octet-stream"}
    patched = await harbor.call("PATCH", path, b"layer", headers={**octets, "Expect": "100-continue"})
    assert patched.status == 200
    assert (await harbor.call("DELETE", patched.headers["Location"], login=harbor.admin)).status == 204


async def test_the_challenge_of_a_repository_names_the_scope(harbor: HarborClient, project: str) -> None:
    answer = await harbor.call("HEAD", f"/v2/{project}/app/manifests/latest")
    assert (answer.status, challenge_of(answer).scope) == (401, f"repository:{project}/app:pull")


async def test_a_token_names_subject_and_actions(
    harbor: HarborClient, robot: MakeRobot, project: str, fresh: str
) -> None:
    login = login_of(await robot(pull_only(fresh)))
    answer = await harbor.token(login, f"repository:{project}/app:pull,push")
    body = answer.json()
    assert (answer.status, body["access_token"], body["expires_in"]) == (200, "", 1800)
    assert claims_of(answer)["sub"] == login[0]
    assert actions_of(answer) == ["pull"]


async def test_a_wrong_secret_still_gets_a_token_that_allows_nothing(
    harbor: HarborClient, robot: MakeRobot, project: str, fresh: str
) -> None:
    name, _ = login_of(await robot(pull_only(fresh)))
    answer = await harbor.token((name, "Wrong-secret-1"), f"repository:{project}/app:pull")
    assert (answer.status, actions_of(answer)) == (200, [])
    assert not claims_of(answer).get("sub")


async def test_an_absent_project_gives_a_token_that_allows_nothing(
    harbor: HarborClient, robot: MakeRobot, fresh: str
) -> None:
    login = login_of(await robot(pull_only(fresh)))
    answer = await harbor.token(login, "repository:nosuch-project/app:pull")
    assert (answer.status, actions_of(answer), claims_of(answer)["sub"]) == (200, [], login[0])


async def test_a_wrong_secret_without_a_scope_is_rejected(harbor: HarborClient) -> None:
    assert (await harbor.token(WRONG)).status == 401


async def test_an_unknown_service_is_rejected(harbor: HarborClient) -> None:
    assert (await harbor.token(harbor.admin, service="elsewhere")).status == 400


async def test_a_pull_robot_cannot_push(harbor: HarborClient, robot: MakeRobot, project: str, fresh: str) -> None:
    login = login_of(await robot(pull_only(fresh)))
    answer = await harbor.call("POST", f"/v2/{project}/app/blobs/uploads/", login=login)
    assert answer.status == 401
    text = f"unauthorized to access repository: {project}/app, action: push"
    assert answer.message == f"{text}: {text}"


@pytest.mark.parametrize("method", ["POST"])
async def test_an_absent_project_is_named_without_a_challenge(harbor: HarborClient, method: str) -> None:
    answer = await harbor.call(method, "/v2/nosuch/app/blobs/uploads/", login=harbor.admin)
    assert (answer.status, answer.headers["Www-Authenticate"]) == (401, "")
    assert answer.message == "project nosuch not found: project nosuch not found"


async def test_anonymous_users_can_pull_from_a_public_project(harbor: HarborClient, project: str) -> None:
    await harbor.as_admin("PUT", f"/projects/{project}", {"metadata": {"public": "true"}})
    await push(harbor, harbor.admin, f"{project}/app", b"layer")
    headers = await bearer(harbor, None, f"repository:{project}/app:pull")
    answer = await harbor.call("GET", f"/v2/{project}/app/tags/list", headers=headers)
    assert (answer.status, answer.json()["tags"]) == (200, ["latest"])


async def test_an_upload_location_has_the_address_of_the_client(harbor: HarborClient, project: str) -> None:
    headers = await bearer(harbor, harbor.admin, f"repository:{project}/app:pull,push")
    answer = await harbor.call("POST", f"/v2/{project}/app/blobs/uploads/", headers=headers)
    location, own = urlsplit(answer.headers["Location"]), urlsplit(harbor.url)
    assert location.netloc in {"", own.netloc}
    assert location.scheme in {"", own.scheme}


async def test_read_only_mode_rejects_a_push(harbor: HarborClient, project: str) -> None:
    await harbor.as_admin("PUT", "/configurations", {"read_only": True})
    try:
        answer = await harbor.call("POST", f"/v2/{project}/app/blobs/uploads/", login=harbor.admin)
    finally:
        await harbor.as_admin("PUT", "/configurations", {"read_only": False})
    assert answer.status == 403
