"""A Location never moves the login to another host."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import check_upload
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.reasons import Reason

URL = "https://cr.example.com"
ADMIN = HarborEndpoint(URL, login=Login("admin", SecretStr("Admin-pass-1")))


class Registry(HarborHttp):
    """Answers the requests of a trial upload, and keeps them."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
        self.requests: list[tuple[str, str]] = []

    @override
    async def send_raw(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        self.requests.append((request.method, endpoint.url + request.path))
        headers: Mapping[str, str] = {"Location": self.location} if request.method == "POST" else {}
        status = 404 if len(self.requests) == 1 else 202
        return HttpResponse(endpoint, request, status, headers, b"")


@pytest.mark.parametrize(
    ("location", "is_followed", "is_cancelled"),
    [
        ("/v2/x/uploads/1?_state=a", True, True),
        (f"{URL}/v2/x/uploads/1?_state=a", True, True),
        ("https://CR.example.com:443/v2/x/uploads/1?_state=a", True, True),
        ("http://cr.example.com/v2/x/uploads/1?_state=a", False, True),
        ("https://evil.example.com/v2/x/uploads/1?_state=a", False, True),
        ("//evil.example.com/v2/x/uploads/1?_state=a", False, True),
        ("a:b@evil.example.com/v2/x", False, False),
        ("mailto:.evil.example.com", False, False),
        ("https://cr.example.com:port/v2/x/uploads/1?_state=a", False, True),
    ],
)
async def test_an_upload_stays_at_the_registry(location: str, is_followed: bool, is_cancelled: bool) -> None:
    registry = Registry(location)

    observed = await HttpRegistryProbe(registry).try_upload(ADMIN, "library/x", 1024)

    methods = [method for method, _ in registry.requests]
    assert methods == ["PATCH", "POST"] + ["PATCH"] * is_followed + ["DELETE"] * is_cancelled
    assert all(url.startswith(f"{URL}/") for _, url in registry.requests)
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": URL}})
    finding = check_upload(spec, observed)
    assert (finding.reason if finding else None) is (None if is_followed else Reason.UPLOAD_LOCATION_MISMATCH)
