"""How does a published page become a PDF? Printed by one Chromium that lives as long as the process that asked for it.

It is spoken to through a pipe that nobody else can open (the DevTools protocol, chromedevtools.github.io/devtools-
protocol), and ends when the pipe does, however this process ends. The page is handed over as text: nothing is read from
the disk, nothing is fetched, no script runs, and no path of this machine gets into the file.
"""

import base64
import contextlib
import json
import os
import re
import select
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE = "CHROMIUM"
ANSWERS_S = 60.0
_SWITCHES = (
    *("--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--mute-audio", "--password-store=basic", "--use-mock-keychain"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# Sizes and margins are the page's own, from its @page rule.
_PRINT = {
    **dict.fromkeys(("preferCSSPageSize", "printBackground", "generateTaggedPDF", "generateDocumentOutline"), True),
    "paperWidth": 8.27,
    "paperHeight": 11.69,
}
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}[+-]00'00'\)")


class NotPrinted(Exception):
    """There is no PDF, and the words say why. A run does not fail for it."""


def available() -> str:
    """The Chromium that would print; raises NotPrinted where there is none."""
    said = os.environ.get(VARIABLE)
    found = shutil.which(said) if said else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        none = f"no Chromium here; install it, or name one in {VARIABLE}"
        raise NotPrinted(f"what {VARIABLE} names is no program here" if said else none)
    return found


def printed(page: str, at: datetime) -> bytes:
    """`page` as a tagged PDF with an outline; the same page and `at` (its data's moment) give the same bytes.

    Raises NotPrinted.
    """
    with _TURN:
        program = available()
        try:
            return _dated(_browser_at_work(program).printed(page), at)
        except _FAILED:
            close()
        # Once more with a new one: it may have ended long ago, for want of memory say.
        try:
            return _dated(_browser_at_work(program).printed(page), at)
        except _FAILED as error:
            close()
            raise NotPrinted(f"Chromium did not print it: {error or type(error).__name__}") from None


def _browser_at_work(program: str) -> "_Browser":
    global _browser  # noqa: PLW0603 - one browser for a process; what it costs is its start
    if _browser is None:
        _browser = _Browser(program)
    return _browser


def close() -> None:
    """End this process's Chromium, if there is one; the next page starts another."""
    global _browser  # noqa: PLW0603
    if _browser is not None:
        _browser.close()
        _browser = None


_FAILED = (OSError, EOFError, ValueError, KeyError)
_TURN = threading.RLock()
_browser: "_Browser | None" = None


class _Browser:
    """A Chromium at the other end of two pipes."""

    def __init__(self, program: str):
        self._profile = tempfile.TemporaryDirectory(prefix="barberlab-chromium-", ignore_cleanup_errors=True)
        self._asked, self._rest = 0, b""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        os.set_blocking(self._to, False)
        Finalize(None, close, exitpriority=1)
        try:
            self._pid = self._started(program, theirs_in, theirs_out)
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def printed(self, page: str) -> bytes:
        """`page` as PDF, in a tab of its own."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        tab = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        try:
            self._call("Emulation.setScriptExecutionDisabled", tab, value=True)
            frame = self._call("Page.getFrameTree", tab)["frameTree"]["frame"]["id"]
            self._call("Page.setDocumentContent", tab, frameId=frame, html=page)
            return base64.b64decode(self._call("Page.printToPDF", tab, **_PRINT)["data"])
        finally:
            self._call("Target.closeTarget", targetId=target)

    def close(self) -> None:
        """End it; it ends by itself when its pipe does."""
        for end in (self._to, self._from):
            os.close(end)
        until = time.monotonic() + 5
        while not self._ended() and time.monotonic() < until:
            time.sleep(0.02)
        if not self._ended():
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.killpg(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._profile.cleanup()

    def _started(self, program: str, theirs_in: int, theirs_out: int) -> int:
        # Chromium's own walls need rights that it does not have as root; what it is given to print has no script.
        walls = ["--no-sandbox"] if os.geteuid() == 0 else []
        home = self._profile.name
        words = [program, *_SWITCHES, *walls, f"--user-data-dir={home}", "about:blank"]
        nowhere = [(os.POSIX_SPAWN_OPEN, end, os.devnull, os.O_RDWR, 0) for end in (0, 1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4)]
        environment = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
        return os.posix_spawn(program, words, environment, file_actions=[*nowhere, *pipes], setpgroup=0)

    def _ended(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _call(self, method: str, session: str | None = None, /, **parameters: Any) -> dict[str, Any]:
        self._asked += 1
        asked = {"id": self._asked, "method": method, "params": parameters}
        until = time.monotonic() + ANSWERS_S
        self._write(json.dumps(asked | ({"sessionId": session} if session else {})).encode() + b"\0", until)
        while True:
            answer = json.loads(self._message(until))
            if answer.get("id") == self._asked:
                if "error" in answer:
                    raise ValueError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]

    def _write(self, data: bytes, until: float) -> None:
        while data:
            _wait(until, to=[self._to])
            data = data[os.write(self._to, data) :]

    def _message(self, until: float) -> bytes:
        pieces = [self._rest]
        while b"\0" not in pieces[-1]:
            _wait(until, of=[self._from])
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise EOFError("it ended")
            pieces.append(piece)
        message, _, self._rest = b"".join(pieces).partition(b"\0")
        return message


def _wait(until: float, of: Sequence[int] = (), to: Sequence[int] = ()) -> None:
    if not any(select.select(of, to, [], max(0.0, until - time.monotonic()))):
        raise TimeoutError(f"no answer within {ANSWERS_S:.0f} s")


def _dated(pdf: bytes, at: datetime) -> bytes:
    """The clock's time in the file replaced by the data's, in as many bytes, so that all offsets in it still hold."""
    said = f"{at.astimezone(UTC):%Y%m%d%H%M%S}".encode()
    return _DATES.sub(lambda found: b"/%s (D:%s+00'00')" % (found[1], said), pdf)
