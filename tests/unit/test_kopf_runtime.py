"""How Kopf logs in: with our own session, and never twice with a rejected credential."""

from __future__ import annotations

import asyncio

import kopf
from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.kopf_runtime import ForeignTasks, KopfLogin


def connection(*tokens: str) -> ClusterConnection:
    """A connection with the first token; each reload returns the next one, and at last always the same."""
    rest = tokens[1:] or tokens
    return ClusterConnection("http://api", SecretStr(f"Bearer {tokens[0]}"), reload=lambda: connection(*rest))


async def test_a_login_uses_the_fresh_credential() -> None:
    login = KopfLogin(connection("one", "two", "three"))
    sessions = [await login.log_in(), await login.log_in()]
    headers = [session.aiohttp_session.headers["Authorization"] for session in sessions]
    assert headers == ["Bearer two", "Bearer three"]
    assert {session.server for session in sessions} == {"http://api"}
    for session in sessions:
        await session.aiohttp_session.close()


async def test_an_unchanged_credential_is_the_session_that_kopf_knows_as_rejected() -> None:
    login = KopfLogin(connection("one"))
    first = await login.log_in()
    assert await login.log_in() == first
    await first.aiohttp_session.close()


async def test_kopf_neither_awaits_nor_cancels_a_task_that_was_created_after_its_start() -> None:
    kopfs = await kopf.spawn_tasks(
        registry=kopf.OperatorRegistry(), standalone=True, clusterwide=True, stop_flag=asyncio.Event()
    )
    ours = asyncio.create_task(asyncio.Event().wait(), name="a watch that starts after Kopf")
    foreign = ForeignTasks()
    assert not [task for task in kopfs if task in foreign]
    assert {asyncio.current_task(), ours} <= set(foreign)
    assert len(foreign) == len(set(foreign))
    for task in (*kopfs, ours):
        task.cancel()
    await asyncio.gather(*kopfs, ours, return_exceptions=True)
