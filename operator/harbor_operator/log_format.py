"""The log of the process: a line of text or of JSON for each record, and never the message of an unknown exception.

Code that knows the object it works on passes it with `extra`: `registry` (namespace/name), `namespace`, `reason`. They
become fields of the JSON line; the text format leaves them out, because the message names the object anyway.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType

from typing_extensions import override

from harbor_operator.ports import Refused, Unavailable

FIELDS = ("registry", "namespace", "reason")
TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)  # as logging.Formatter.formatException takes it


class LogFormat(StrEnum):
    """How a record is written."""

    TEXT = "text"
    JSON = "json"


def configure_logging(level: str, log_format: LogFormat) -> None:
    """Sends every record of that level or above to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter(TEXT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    kopf_objects = logging.getLogger("kopf.objects")
    kopf_objects.setLevel(logging.WARNING)  # one line per watch event says nothing that status does not
    kopf_objects.addFilter(keep_kopf_record)
    logging.getLogger("asyncio").addFilter(shorten_asyncio_record)


def shorten_asyncio_record(record: logging.LogRecord) -> bool:
    """Keeps the first line of what asyncio reports of a failed task: the others quote the exception."""
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


def keep_kopf_record(record: logging.LogRecord) -> bool:
    """Drops what Kopf logs of a retry that a handler asked for, and shortens its record of an unexpected exception.

    A handler asks for a retry by an exception; Kopf logs that as an error without exception info. The reason is in the
    status of the registry. Other records contain the message of the exception, which may quote a secret.
    """
    if record.levelno != logging.ERROR:
        return True
    if not record.exc_info:
        return False
    record.msg, record.args = "a Kopf handler failed", ()
    return True


def format_exception(error: BaseException) -> str:
    """Returns the tracebacks of the exception and its causes, without source values.

    The message of an exception may quote a secret; only those of our own two exceptions are written for people.
    """
    lines: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [format_exception(cause), "The exception above led to:"]
    lines += ["Traceback (most recent call last):", "".join(traceback.format_tb(error.__traceback__)).rstrip()]
    message = f": {error}" if isinstance(error, Refused | Unavailable) else ""
    return "\n".join([*lines, f"{type(error).__module__}.{type(error).__qualname__}{message}"])


class TextFormatter(logging.Formatter):
    """Writes a line of text, and tracebacks without messages."""

    @override
    def formatException(self, ei: ExceptionInfo) -> str:
        return format_exception(ei[1]) if ei[1] else ""


class JsonFormatter(TextFormatter):
    """Writes one JSON object a line: time, level, logger, message, the known fields, and the exception."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _kopf_fields(record)
        line |= {name: str(value) for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _kopf_fields(record: logging.LogRecord) -> dict[str, object]:
    """Returns the object that Kopf attaches to its records about a HarborRegistry."""
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, dict):
        return {}
    namespace = reference.get("namespace")
    return {"registry": f"{namespace}/{reference.get('name')}", "namespace": namespace}
