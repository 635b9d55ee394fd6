"""`python -m benchmarks.floor KUBECONFIG SECRET CONCURRENCY`: two writes per service account and nothing else.

Without retries, repairs and limits, its time for a load is the lower bound for every injector with the same writes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from benchmarks.api import APPLY, MERGE, Access, Api, Manifest, optimistic_patch, pull_secret, references_of

ARGUMENT_COUNT = 3
CONTENT = json.dumps({"auths": {"registry.bench.internal": {"auth": "cHVsbDpwdWxs"}}})
ACCOUNTS = "/api/v1/serviceaccounts"
PAGE_ITEMS = 500


class Floor:
    """The minimal client."""

    def __init__(self, api: Api, secret: str, concurrency: int) -> None:
        self._api = api
        self._secret = secret
        self._slots = asyncio.Semaphore(concurrency)

    async def run(self) -> None:
        """Serves every existing and every new service account."""
        async with asyncio.TaskGroup() as tasks:
            revision = await self._list(tasks)
            while True:
                query = {"resourceVersion": revision, "fieldSelector": "metadata.name=default"}
                async for chunk in self._api.watch(ACCOUNTS, query):
                    for raw in chunk.split(b"\n"):
                        event = json.loads(raw)
                        revision = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] == "ADDED":
                            tasks.create_task(self._serve(event["object"]))

    async def _list(self, tasks: asyncio.TaskGroup) -> str:
        token = ""
        while True:
            path = f"{ACCOUNTS}?fieldSelector=metadata.name=default&limit={PAGE_ITEMS}&continue={token}"
            page = await self._api.request("GET", path)
            for account in page["items"]:
                if self._secret not in references_of(account):
                    tasks.create_task(self._serve(account))
            token = page["metadata"].get("continue", "")
            if not token:
                return str(page["metadata"]["resourceVersion"])

    async def _serve(self, account: Manifest) -> None:
        prefix = f"/api/v1/namespaces/{account['metadata']['namespace']}"
        async with self._slots:
            path = f"{prefix}/secrets/{self._secret}?fieldManager=floor&force=true"
            await self._api.send("PATCH", path, pull_secret(self._secret, CONTENT), APPLY)
            patch = optimistic_patch(account["metadata"]["resourceVersion"], [*references_of(account), self._secret])
            await self._api.send("PATCH", f"{prefix}/serviceaccounts/default", patch, MERGE)


async def _run(kubeconfig: Path, secret: str, concurrency: int) -> None:
    async with Api(Access.read(kubeconfig), connections=concurrency + 2) as api:
        await Floor(api, secret, concurrency).run()


if __name__ == "__main__":
    if len(sys.argv) != ARGUMENT_COUNT + 1:
        raise SystemExit(__doc__)
    uvloop.run(_run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
