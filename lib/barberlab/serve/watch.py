"""How does the server do? Counters for Prometheus and a line of JSON for each request, without a name or an address."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from tornado.web import RequestHandler

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Watch:
    """What is counted here. kernels: how many run now. ages: days of data by (network, report). sessions: how many."""

    def __init__(
        self,
        kernels: Callable[[], int],
        sessions: Callable[[], int],
        ages: Callable[[], dict[tuple[str, str], float]],
    ):
        self.registry, self._ages = CollectorRegistry(), ages
        own = {"registry": self.registry}
        self.requests = Counter("barberlab_requests", "Requests answered", ["route", "method", "status"], **own)
        self.seconds = Histogram("barberlab_request_seconds", "Time of an answer", ["route"], buckets=_BOUNDS_S, **own)
        self.signed_in = Counter("barberlab_sign_ins", "Tries to sign in", ["outcome"], **own)
        self.refused = Counter("barberlab_kernels_refused", "Kernels not started for want of room", **own)
        self.culled = Counter("barberlab_kernels_ended", "Kernels ended by the server", ["why"], **own)
        Gauge("barberlab_kernels", "Kernels running", **own).set_function(kernels)
        Gauge("barberlab_sessions", "Sessions standing", **own).set_function(sessions)
        self._age = Gauge("barberlab_data_age_days", "Age of published data", ["network", "report"], **own)

    def observe(self, handler: RequestHandler) -> None:
        """Count an answered request, and log it by its route: an address may hold what a user typed."""
        route, status = getattr(handler, "route", "?"), handler.get_status()
        took = handler.request.request_time()
        self.requests.labels(route, handler.request.method, status).inc()
        self.seconds.labels(route).observe(took)
        session = getattr(handler, "session", None)
        log(
            "request",
            route=route,
            method=handler.request.method,
            status=status,
            ms=round(took * 1000, 1),
            role=session.person.role if session else "",
        )

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        self._age.clear()
        for labels, days in self._ages().items():
            self._age.labels(*labels).set(days)
        return generate_latest(self.registry)


_LOG = logging.getLogger("barberlab.serve")


def log(event: str, **facts: object) -> None:
    """One structured line. Facts are numbers, roles and routes; never a name, an address or a row."""
    _LOG.info(event, extra={"facts": facts})


class Lines(logging.Formatter):
    """Records as lines of JSON: our own with their facts, others' with their first line alone."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "from": record.name}
        if record.name == _LOG.name:
            return json.dumps(line | {"event": record.msg} | getattr(record, "facts", {}))
        # What libraries say may quote a request or a frame; which error it was is enough to look for.
        what = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        return json.dumps(line | {"event": "library", "where": f"{record.module}:{record.lineno}", "error": what})


def to_stderr() -> None:
    """Send every log of this process there, a line each; from others only what went wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    _LOG.setLevel(logging.INFO)
