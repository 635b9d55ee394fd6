"""Object stores and RGW's Admin API: reads are real, and writes are recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from pydantic import SecretStr

from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import PlanEnds, RecordedPort, Recorder
from harbor_operator.model.s3 import Bucket, BucketSettings
from harbor_operator.model.storage import Container, Quota, RgwEndpoint, StoragePlace, SwiftAccount, SwiftSession
from harbor_operator.plan.storage import KIB_PER_GIB

_PROBED = (
    "marked as this registry's after a probe, which writes objects below `harbor-operator/probe/` and removes them"
)


class PlannedRgw(RecordedPort):
    """RGW's Admin API that nothing is changed in; it knows which logins do not exist yet."""

    def __init__(self, port: Any, recorder: Recorder) -> None:
        super().__init__(port, recorder)
        self._has_new_user = False
        self._new_logins: set[str] = set()

    async def ensure_user(self, _endpoint: RgwEndpoint, uid: str, display_name: str) -> None:
        """Records the new user."""
        self._has_new_user = True
        self._recorder.record(Action.CREATE, f"RGW user '{uid}'", [f"display name '{display_name}'"])

    async def set_quota(self, _endpoint: RgwEndpoint, uid: str, quota: Quota) -> None:
        """Records the quota."""
        limit = f"{quota.kib / KIB_PER_GIB:g} GiB" if quota.enabled else "none"
        self._recorder.record(Action.CHANGE, f"RGW user '{uid}'", [f"quota: {limit}"])

    async def set_swift_login(self, _endpoint: RgwEndpoint, username: str, _key: SecretStr) -> None:
        """Records the login; what may exist of it gets another key."""
        self._record_login(username.partition(":")[0], username, f"Swift login '{username}' with a key")

    async def set_s3_key(self, _endpoint: RgwEndpoint, uid: str, access_key: str, _secret_key: SecretStr) -> None:
        """Records the pair of keys."""
        self._record_login(uid, access_key, f"access key '{access_key}' with its secret key")

    def end_without(self, username: str, place: StoragePlace) -> None:
        """Raises PlanEnds if the store does not know the login yet."""
        if username not in self._new_logins:
            return
        subject = _subject(place)
        if self._has_new_user:
            self._recorder.record(Action.CREATE, subject, [_PROBED])
            raise PlanEnds
        raise PlanEnds(f"{subject}, because its login is set first")

    def _record_login(self, uid: str, username: str, detail: str) -> None:
        self._new_logins.add(username)
        self._recorder.record(Action.CHANGE, f"RGW user '{uid}'", [detail])


class _Marks:
    """What the mark of the place becomes; the first write of a probe ends the plan."""

    def __init__(self, recorder: Recorder, place: StoragePlace) -> None:
        self._recorder = recorder
        self._place = place
        self._is_new = False
        self._found: Mapping[str, str] | None = None

    def note_created(self) -> None:
        """Records the container or bucket."""
        self._is_new = True
        self._recorder.record(Action.CREATE, _subject(self._place))

    async def read(self, read: Callable[[], Any]) -> Mapping[str, str] | None:
        """Returns the mark; None in a container that does not exist."""
        self._found = None if self._is_new else await read()
        return self._found

    async def list(self, read: Callable[[], Any]) -> Sequence[Any]:
        """Returns what the store lists; nothing in a container that does not exist."""
        return () if self._is_new else await read()

    async def write(self, name: str) -> None:
        """Records the mark; any other object is one of the probe, with which the plan ends."""
        if name != self._place.proof:
            await self.probe()
        self._record("marked as this registry's")

    async def probe(self, *_: object) -> NoReturn:
        """Records the mark that follows the probe; the plan does not probe."""
        self._record(_PROBED)
        raise PlanEnds

    def _record(self, detail: str) -> None:
        action = Action.CREATE if self._found is None else Action.CHANGE
        place = _subject(self._place)
        self._recorder.record(action, place if self._is_new else f"mark of {place}", [detail])


class PlannedSwift(RecordedPort):
    """A Swift store in which nothing is written."""

    def __init__(self, port: Any, recorder: Recorder, rgw: PlannedRgw, place: StoragePlace) -> None:
        super().__init__(port, recorder)
        self._rgw = rgw
        self._place = place
        self._marks = _Marks(recorder, place)
        self.remove_objects = self.write_joined = self.write_generated = self._marks.probe

    async def login(self, account: SwiftAccount) -> SwiftSession:
        """Returns the session, if the login exists already."""
        self._rgw.end_without(account.username, self._place)
        session: SwiftSession = await self._port.login(account)
        return session

    async def ensure_container(self, _container: Container) -> None:
        """Records the new container."""
        self._marks.note_created()

    async def read_metadata(self, container: Container, name: str) -> Mapping[str, str] | None:
        """Returns the mark."""
        return await self._marks.read(lambda: self._port.read_metadata(container, name))

    async def list_objects(self, container: Container, prefix: str, limit: int) -> Sequence[str]:
        """Returns the names of objects."""
        return await self._marks.list(lambda: self._port.list_objects(container, prefix, limit))

    async def write_object(self, _container: Container, name: str, *_: object) -> None:
        """Records the mark."""
        await self._marks.write(name)


class PlannedS3(RecordedPort):
    """An S3 store in which nothing is written."""

    def __init__(self, port: Any, recorder: Recorder, rgw: PlannedRgw, place: StoragePlace) -> None:
        super().__init__(port, recorder)
        self._rgw = rgw
        self._place = place
        self._marks = _Marks(recorder, place)
        self._is_new = False
        self.remove_objects = self.abort_upload = self.begin_upload = self.copy_object = self._marks.probe

    async def read_bucket(self, bucket: Bucket) -> BucketSettings | None:
        """Returns the settings of the bucket, if its keys exist already."""
        self._rgw.end_without(bucket.account.access_key, self._place)
        settings: BucketSettings | None = await self._port.read_bucket(bucket)
        return BucketSettings() if self._is_new else settings

    async def create_bucket(self, _bucket: Bucket) -> None:
        """Records the new bucket."""
        self._is_new = True
        self._marks.note_created()

    async def read_metadata(self, bucket: Bucket, key: str) -> Mapping[str, str] | None:
        """Returns the mark."""
        return await self._marks.read(lambda: self._port.read_metadata(bucket, key))

    async def list_objects(self, bucket: Bucket, prefix: str, limit: int) -> Sequence[str]:
        """Returns the keys of objects."""
        return await self._marks.list(lambda: self._port.list_objects(bucket, prefix, limit))

    async def list_uploads(self, bucket: Bucket, prefix: str) -> Sequence[Any]:
        """Returns the unfinished uploads."""
        return await self._marks.list(lambda: self._port.list_uploads(bucket, prefix))

    async def write_object(self, _bucket: Bucket, key: str, *_: object) -> None:
        """Records the mark."""
        await self._marks.write(key)


def _subject(place: StoragePlace) -> str:
    return f"{place.noun} '{place.name}'"
