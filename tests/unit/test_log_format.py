"""The log: fields for a log collector, and no message of an exception that might quote a secret."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from io import StringIO

import kopf
import pytest

from harbor_operator.log_format import TEXT, JsonFormatter, TextFormatter, keep_kopf_record
from harbor_operator.ports import Unavailable

LOGGER = logging.getLogger("tests.log_format")
KOPF = logging.getLogger("kopf.objects")


@pytest.fixture(params=[JsonFormatter(), TextFormatter(TEXT)], ids=["json", "text"])
def log(request: pytest.FixtureRequest) -> Iterator[StringIO]:
    """What both loggers write."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param)
    for logger in (LOGGER, KOPF):
        logger.addHandler(handler)
    KOPF.addFilter(keep_kopf_record)
    yield stream
    KOPF.removeFilter(keep_kopf_record)
    for logger in (LOGGER, KOPF):
        logger.removeHandler(handler)


@pytest.mark.parametrize("log", [JsonFormatter()], indirect=True)
def test_a_json_line_has_the_known_fields(log: StringIO) -> None:
    LOGGER.warning("two\nlines %s", "é", extra={"registry": "intra/cr", "reason": "RightsMissing", "other": "x"})
    (line,) = log.getvalue().splitlines()
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "WARNING",
        "logger": "tests.log_format",
        "message": "two\nlines é",
        "registry": "intra/cr",
        "reason": "RightsMissing",
    }


@pytest.mark.parametrize("log", [JsonFormatter()], indirect=True)
def test_a_record_of_kopf_names_its_registry(log: StringIO) -> None:
    KOPF.warning("slow", extra={"k8s_ref": {"kind": "HarborRegistry", "namespace": "intra", "name": "cr"}})
    fields = json.loads(log.getvalue())
    assert (fields["registry"], fields["namespace"]) == ("intra/cr", "intra")


def raised(error: Exception, because: Exception | None = None) -> Exception:
    """Returns the exception with a traceback."""
    with contextlib.suppress(type(error)):
        raise error from because
    return error


def test_only_our_own_exceptions_show_their_message(log: StringIO) -> None:
    cause = raised(ValueError("s3cr3t"))
    LOGGER.error("a step failed", exc_info=raised(Unavailable("PostgreSQL does not answer"), cause))
    assert "s3cr3t" not in log.getvalue()
    for part in ("builtins.ValueError", "Unavailable: PostgreSQL does not answer", "in raised"):
        assert part in log.getvalue()


def test_a_retry_that_a_handler_asked_for_is_not_logged_and_a_crash_is(log: StringIO) -> None:
    KOPF.error("Handler 'x' failed temporarily: %s", kopf.TemporaryError("waits for pods"))
    assert log.getvalue() == ""
    error = raised(ValueError("s3cr3t"))
    KOPF.error("Handler 'x' failed with an exception: %s", error, exc_info=error)
    assert "s3cr3t" not in log.getvalue()
    assert "a Kopf handler failed" in log.getvalue()
    assert "builtins.ValueError" in log.getvalue()
