"""The server: Voila, standing alone on loopback, with every one of its routes behind the gate and the house's own.

Voila brings kernels, websockets and widgets. Its trees, files and notebooks by path are answered to nobody, and no
settings file that lies about, in the working folder or a home, is read.
"""

import errno
import importlib
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler
from traitlets.config import Config
from voila.app import Voila

from barberlab.errors import BadInput
from barberlab.reports import doors
from barberlab.serve import gate, kernels, live, login, oidc, pages
from barberlab.serve.channels import Channels
from barberlab.serve.people import Person
from barberlab.serve.readying import LOOK_MS, Quiet, Readying
from barberlab.serve.sessions import Session, Sessions
from barberlab.serve.shelf import Shelf
from barberlab.serve.users import Users
from barberlab.serve.watch import Watch, log
from barberlab.workspace import Workspace

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SWEEP_MS = 10_000
# An answer of a millisecond reads, sums and sends, and each time would wait this long for a page that is being made;
# Python's own 5 ms are for threads that all compute.
_SWITCH_S = 0.0005
_LONGEST_BODY, _LONGEST_HEADER = 64 * 1024, 16 * 1024
_TEMPLATES = Path(__file__).parent / "templates"
# A live page needs the controls and nothing else of JupyterLab.
_EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]


@dataclass(frozen=True)
class Options:
    """How to serve. public: the https address that a proxy in front gives it; empty on one's own machine.

    monitor: a token that lets a monitor read /metrics.
    """

    workspace: Workspace
    address: str = "127.0.0.1"
    port: int = 8866
    public: str = ""
    monitor: str = ""

    def __post_init__(self):
        if self.public and (urlsplit(self.public).scheme != "https" or not urlsplit(self.public).netloc):
            raise BadInput(f"--public {self.public!r}: must be the https address of the proxy in front of this server")
        if self.address not in _LOOPBACK and not self.public:
            raise BadInput(
                f"--address {self.address}: others could reach it, and passwords would travel unencrypted; put a proxy "
                "with TLS in front and name its address with --public"
            )

    @property
    def url(self) -> str:
        """Where one opens it."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return self.public.rstrip("/") or f"http://{host}:{self.port}"


class Identity(IdentityProvider):
    """Whoever the gate has found; Jupyter's tokens and passwords count for nothing."""

    @property
    def auth_enabled(self) -> bool:
        """Always."""
        return True

    def get_user(self, handler: Any) -> User | None:
        """The session's person, by a name that says nothing."""
        return User(username="visitor") if getattr(handler, "session", None) else None

    def get_handlers(self) -> list:
        """None: signing in is the house's own."""
        return []

    def should_check_origin(self, handler: Any) -> bool:
        """Always."""
        return True

    def is_token_authenticated(self, handler: Any) -> bool:
        """Never."""
        return False


class Owners(Authorizer):
    """Jupyter's own question, answered as the gate answered it."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Only to kernels, and only on a route on which the gate compares their owner."""
        return resource == "kernels" and getattr(handler, "rule_of_gate", None) is gate.of_kernel


class Server(Voila):
    """Voila behind the gate."""

    name = "voila"

    def __init__(self, options: Options, **kwargs: Any):
        self.options = options
        super().__init__(config=_config(options), **kwargs)
        self.warm: socket.socket | None = None

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """Nothing: what others have put into a folder must not change who may see what."""

    def setup_template_dirs(self) -> None:
        """The house's template first; what it builds on comes with Voila."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(_TEMPLATES / "live"))

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings, and what the gate and the pages need."""
        found = super().init_settings()
        users, shelf = Users(), Shelf(self.options.workspace)
        users.names()
        self.sessions = Sessions(users, time.monotonic, self._ended)
        self.quiet = Quiet()
        self.readying = Readying(shelf, lambda: self._people(users), self.quiet)
        self.watch = Watch(lambda: len(self.kernel_manager.owned), lambda: len(self.sessions), shelf.ages)
        provider = oidc.settings(users.place.parent)
        public = urlsplit(self.options.public).netloc.lower()
        own = {
            "workspace": self.options.workspace,
            "shelf": shelf,
            "users": users,
            "sessions": self.sessions,
            "tries": login.Tries(),
            "watch": self.watch,
            "provider": oidc.Provider(provider, f"{self.options.url}/provider/back") if provider else None,
            "owner_of_kernel": self.kernel_manager.owner,
            "warmth": lambda: "warm" if self.warm else "cold",
            "error_page": doors.message,
            "public_hosts": frozenset([public] if public else []),
            "is_secure": bool(public),
            "metrics_token": self.options.monitor,
            "log_function": lambda handler: None,
            "cookie_secret": secrets.token_bytes(32),
            "xsrf_cookies": True,
            "xsrf_cookie_kwargs": {"samesite": "Lax", "secure": bool(public)},
            "websocket_max_message_size": _LONGEST_BODY,
            "autoreload": False,
        }
        return found | own

    def init_handlers(self) -> list:
        """Every route of Voila and of the house, each behind the gate."""
        voila_render = {
            "template_paths": self.template_paths,
            "config": self.config,
            "voila_configuration": self.voila_configuration,
        }
        own = [
            (r"/health", pages.Health),
            (r"/ready", pages.Ready),
            (r"/metrics", pages.Metrics),
            (r"/login", login.SignIn),
            (r"/logout", login.SignOut),
            (r"/provider/start", oidc.Start),
            (r"/provider/back", oidc.Back),
            (r"/", pages.Networks),
            (r"/index\.html", pages.Networks),
            (r"/operations", pages.Operations),
            (rf"/n/{gate.NETWORK}/(?:index\.html)?", pages.Network),
            (rf"/n/{gate.NETWORK}/shops", pages.Shops),
            (rf"/n/{gate.NETWORK}/what-if", live.WhatIf, voila_render),
            (rf"/n/{gate.NETWORK}/{gate.REPORT}/{gate.PAGE}", pages.Published),
        ]
        # Of two handlers for one address the first answers, so ours go first.
        every = [*own, *super().init_handlers(), (r".*", pages.Nothing)]
        return [(path, gate.gated(handler, path, self._observed), *rest) for path, handler, *rest in every]

    def _observed(self, handler: RequestHandler) -> None:
        self.quiet.broken()
        self.watch.observe(handler)

    def _people(self, users: Users) -> Iterator[Person]:
        """Who may come: all accounts, and those whose rights came with their sign-in."""
        yield from filter(None, map(users.person, users.names()))
        yield from (session.person for session in self.sessions if session.provided)

    def listen(self) -> None:
        """Serve until told to stop."""
        server = HTTPServer(
            self.app, max_body_size=_LONGEST_BODY, max_header_size=_LONGEST_HEADER, idle_connection_timeout=75,
            xheaders=bool(self.options.public),
        )  # fmt: skip
        server.add_sockets(_bound(self.options))
        self.ioloop = IOLoop.current()
        sys.setswitchinterval(_SWITCH_S)
        for task, every_ms in ((self._sweep, _SWEEP_MS), (self.readying.look, LOOK_MS)):
            PeriodicCallback(task, every_ms).start()
        log("listens", port=self.options.port)
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()
            self.stop()

    async def _sweep(self) -> None:
        """End sessions and kernels whose time is over."""
        self.sessions.sweep()
        ended = await self.kernel_manager.cull()
        if ended:
            self.watch.culled.labels("idle").inc(ended)

    def _ended(self, session: Session) -> None:
        """Whoever is signed out takes the kernels along."""
        IOLoop.current().add_callback(self._end_kernels, session.token)

    async def _end_kernels(self, token: str) -> None:
        self.watch.culled.labels("session").inc(await self.kernel_manager.end_of(token))

    def warm_up(self) -> None:
        """Have the parent of warm kernels load, and what reads kept draws: the first visitor waits for neither."""
        threading.Thread(target=importlib.import_module, args=("xarray.backends.scipy_",), daemon=True).start()
        self.warm = kernels.warm_up()


def _bound(options: Options) -> list[socket.socket]:
    try:
        return bind_sockets(options.port, options.address)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise BadInput(f"port {options.port} cannot be had ({error.strerror}); name another with --port") from None
        raise


def _config(options: Options) -> Config:
    return Config(
        {
            "Voila": {
                "root_dir": str(options.workspace.notebooks / "dashboards"),
                "open_browser": False,
                "log_level": "ERROR",
                "identity_provider_class": Identity,
                "authorizer_class": Owners,
                "kernel_websocket_connection_class": Channels,
                "autoreload": False,
            },
            "VoilaConfiguration": {
                "multi_kernel_manager_class": kernels.OwnedKernels,
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "file_allowlist": [],
                "strip_sources": True,
                "show_tracebacks": False,
                "preheat_kernel": False,
                "progressive_rendering": False,
                "extension_allowlist": _EXTENSIONS,
                "http_header_envs": [],
            },
        }
    )


def serve(options: Options) -> None:
    """Serve until told to stop; raises BadInput for a users' file or a port that cannot be used."""
    Users().names()
    server = Server(options)
    server.initialize([])
    # Before the port is bound: both take seconds, and the one is another process.
    threading.Thread(target=server.warm_up, daemon=True).start()
    server.start()
