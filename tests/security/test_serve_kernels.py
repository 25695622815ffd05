"""A page's kernel serves its own session, moves its own controls, and opens nothing of anybody else's.

The attacks go over a real websocket to a real kernel, which tests share; each looks at what came back.
"""

import asyncio
import contextlib
import inspect
import json
import os
import re
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect
from voila.tornado.handler import TornadoVoilaHandler

from barberlab.serve import channels, sessions
from barberlab.serve import kernels as kernels_of_the_server
from barberlab.serve import live as serve_live
from serve import house
from serve.house import Served, Visitor

pytestmark = pytest.mark.slow


@dataclass
class Live:
    """A live page that was opened: whose, and its kernel."""

    visitor: Visitor
    html: str
    kernel: str

    @property
    def address(self) -> str:
        """Of the kernel's websocket."""
        return f"ws://127.0.0.1:{self.visitor.port}/api/kernels/{self.kernel}/channels?session_id={uuid.uuid4().hex}"


def opened(visitor: Visitor) -> Live:
    """The what-if page of the north."""
    html = visitor.get("/n/north/what-if").text
    found = re.search(r'"kernelId": "([\w-]+)"', html)
    assert found, html[-2000:]
    return Live(visitor, html, found[1])


@pytest.fixture(scope="module")
def alone() -> Iterator[Served]:
    """A server whose kernels nobody else counts."""
    with tempfile.TemporaryDirectory(prefix="bl-") as root, house.serving(Path(root)) as found:
        yield found


@pytest.fixture(scope="module")
def live(alone) -> Live:
    """The live page of a manager, whose session this module keeps."""
    return opened(alone.signed_in("mina"))


def message(kind: str, content: dict, channel: str = "shell") -> dict:
    """A message of Jupyter's protocol."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "s",
        "username": "",
        "version": "5.3",
        "date": "",
    }
    return {
        "channel": channel,
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }


def heard(live: Live, *said: dict | str | bytes, seconds: float = 1.0, until: str = "") -> list[dict]:
    """What comes back over the page's own websocket, until it is silent for so long, or a message of a kind came."""
    cookie = "; ".join(f"{name}={value}" for name, value in live.visitor.cookies.items())

    async def talk() -> list[dict]:
        socket = await websocket_connect(HTTPRequest(live.address, headers={"Cookie": cookie}))
        for one in said:
            await socket.write_message(json.dumps(one) if isinstance(one, dict) else one, binary=isinstance(one, bytes))
        found = []
        while True:
            try:
                came = await asyncio.wait_for(socket.read_message(), seconds)
            except TimeoutError:
                break
            if came is None:
                break
            if isinstance(came, str):
                found.append(json.loads(came))
                if found[-1]["header"]["msg_type"] == until:
                    break
        socket.close()
        return found

    return asyncio.run(talk())


def refused(live: Live, visitor: Visitor, **headers: str) -> int:
    """The status with which a websocket to the page's kernel is refused; 101 if it is not."""
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())

    async def knock() -> int:
        try:
            socket = await websocket_connect(HTTPRequest(live.address, headers={"Cookie": cookie} | headers))
        except HTTPClientError as error:
            return error.code
        socket.close()
        return 101

    return asyncio.run(knock())


def models(live: Live) -> dict[str, dict]:
    """State of each widget, by its comm."""
    asked = message("comm_info_request", {"target_name": "jupyter.widget"})
    comms = heard(live, asked, seconds=30, until="comm_info_reply")[-1]["content"]["comms"]
    asks = [message("comm_msg", {"comm_id": comm, "data": {"method": "request_state"}}) for comm in comms]
    told = [came["content"] for came in heard(live, *asks) if came["header"]["msg_type"] == "comm_msg"]
    return {one["comm_id"]: one["data"]["state"] for one in told if "state" in one["data"]}


@pytest.fixture(scope="module")
def lever(live) -> str:
    """The comm of the first lever."""
    return next(comm for comm, state in models(live).items() if state.get("_model_name") == "IntSliderModel")


def answers(live: Live) -> list[str]:
    """What the page answers now."""
    return [state["value"] for state in models(live).values() if state.get("_model_name") == "HTMLModel"]


def update(comm: str, **state) -> dict:
    """What a browser sends when a control is moved."""
    return message("comm_msg", {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}})


def test_the_base_case_comes_before_the_kernel_and_holds_the_own_shop(live):
    base, _, _ = live.html.partition('id="live"')
    assert "<h1>Nothing would change</h1>" in base
    assert base.count("<h1") == 1
    assert "What if · Shop north-01" in base
    assert "whatif.base" not in live.html
    assert not any(shop in live.html for shop in ("north-02", "north-03", "south"))


def test_a_lever_that_is_moved_changes_the_answer(live, lever):
    still = answers(live)
    assert any("Nothing would change" in answer for answer in still)
    heard(live, update(lever, value=10), seconds=3.0)
    moved = answers(live)
    assert any("Prices +10%" in answer and "It would bring" in answer for answer in moved)
    heard(live, update(lever, value=0), seconds=3.0)
    assert answers(live) == still


@pytest.mark.parametrize("value", [1000, -1000, 2**70, "9", None, True, [3], {"a": 1}, 1e308, "<script>"])
def test_a_value_beyond_the_levers_ends_changes_nothing(live, lever, value):
    came = heard(live, update(lever, value=value), seconds=0.5)
    assert not any("traceback" in json.dumps(one).lower() for one in came)
    now = models(live)[lever]["value"]
    assert isinstance(now, int)
    assert -20 <= now <= 30
    heard(live, update(lever, value=0), seconds=0.3)


def test_what_the_notebook_has_set_stays_set(live, lever):
    changes = ({"max": 9999}, {"disabled": True}, {"description": "HACKED"}, {"value": 1, "max": 9999}, {"layout": "x"})
    heard(live, *(update(lever, **change) for change in changes), seconds=0.5)
    state = models(live)[lever]
    assert (state["max"], state["disabled"], state["description"]) == (30, False, "Price, change in %")


RUN = {"code": "open('{path}', 'w').write('ran')", "silent": False, "store_history": False, "user_expressions": {}}


@pytest.mark.parametrize("channel", ["shell", "control", "stdin", "iopub", "hb", None])
@pytest.mark.parametrize(
    "kind",
    [
        *("execute_request", "complete_request", "inspect_request", "history_request", "debug_request"),
        *(
            "comm_open",
            "comm_close",
            "is_complete_request",
            "create_subshell_request",
            "input_reply",
            "shutdown_request",
            "unheard_of",
        ),
    ],
)
def test_no_message_but_a_controls_reaches_the_kernel(kind, channel):
    assert not channels.passes(channel, {"msg_type": kind}, {"code": "1"})


def test_no_code_runs_whatever_is_sent(live, alone):
    path = alone.workspace.root / "ran"
    run = RUN | {"code": RUN["code"].format(path=path)}
    double = json.dumps(message("comm_info_request", run))
    harmless, code = "comm_info_request", "execute_request"
    kinds = [
        double.replace(f'"{harmless}"', f'"{first}", "msg_type": "{second}"')
        for first, second in ((harmless, code), (code, harmless))
    ]
    sent = [message("execute_request", run, channel) for channel in ("shell", "control", "stdin", "iopub")]
    came = heard(live, *sent, *kinds, message("shutdown_request", {"restart": False}), b"\x00" * 64, "{", "[]")
    assert not path.exists()
    assert not any(one["header"]["msg_type"] in ("execute_reply", "execute_input", "error") for one in came)
    assert models(live), "the kernel lives"


def test_no_widget_is_made_from_outside(live):
    before = set(models(live))
    state = {"_model_module": "@jupyter-widgets/base", "_model_name": "LayoutModel", "_model_module_version": "2.0.0"}
    made = {"target_name": "jupyter.widget", "comm_id": "forged", "data": {"state": state}}
    asked = message("comm_open", {"target_name": "jupyter.widget.control", "comm_id": "control", "data": {}})
    came = heard(live, message("comm_open", made), asked, update("forged", value=1), update("unheard", value=1))
    assert set(models(live)) == before
    assert not any("Traceback" in json.dumps(one) or "site-packages" in json.dumps(one) for one in came)


def test_an_answer_never_holds_a_traceback_or_what_was_printed_to_stderr():
    assert not channels.shown({"msg_type": "error"}, {"traceback": ["x"]})
    assert not channels.shown({"msg_type": "stream"}, {"name": "stderr", "text": "x"})
    assert not channels.shown({"msg_type": "execute_input"}, {"code": "x"})
    assert channels.shown({"msg_type": "comm_msg"}, {})


def test_a_live_page_that_waits_long_holds_no_script_that_its_policy_refuses():
    """Voila sends a call of a script for each ten seconds of waiting: `TornadoVoilaHandler.get_generator`."""
    source = inspect.getsource(TornadoVoilaHandler.get_generator)
    beat = re.search(r'return "(<script>.*</script>)\\n"', source)[1] + "\n"
    assert "<script" not in serve_live.kept_alive(beat)
    assert serve_live.kept_alive("<div>a lever</div>") == "<div>a lever</div>"


def test_another_sessions_kernel_does_not_exist(live, alone):
    # The franchisor sees the shop's pages, and the same manager another session: the kernel is neither's.
    for other in (alone.signed_in("fran"), alone.signed_in("mina"), alone.visitor()):
        assert refused(live, other) in (401, 404)
        assert other.get(f"/api/kernels/{live.kernel}").status in (302, 404)
        token = other.form_token()
        for method, address in (
            ("DELETE", f"/api/kernels/{live.kernel}"),
            ("POST", f"/voila/api/shutdown/{live.kernel}"),
        ):
            asked = other.ask(method, address, b"", {"X-XSRFToken": token})
            assert asked.status in (401, 404), (method, asked.status)
    assert refused(live, live.visitor) == 101


def many(live: Live, how_many: int, *, at_once: bool) -> list[bool]:
    """Which of so many websockets to one's own kernel are still open and answer, in the order they were opened."""
    cookie = "; ".join(f"{name}={value}" for name, value in live.visitor.cookies.items())

    async def answers(socket) -> bool:
        await socket.write_message(json.dumps(message("comm_info_request", {"target_name": "jupyter.widget"})))
        while (came := await asyncio.wait_for(socket.read_message(), 30)) is not None:
            if json.loads(came)["header"]["msg_type"] == "comm_info_reply":
                return True
        return False

    async def open_all() -> list[bool]:
        requests = [HTTPRequest(f"{live.address}{k}", headers={"Cookie": cookie}) for k in range(how_many)]
        if at_once:
            sockets = await asyncio.gather(*map(websocket_connect, requests))
        else:
            sockets = [await websocket_connect(request) for request in requests]
        await asyncio.sleep(1)
        found = []
        for socket in sockets:
            with contextlib.suppress(WebSocketClosedError):
                found.append(await answers(socket))
                continue
            found.append(False)
        for socket in sockets:
            socket.close()
        return found

    return asyncio.run(open_all())


@pytest.mark.parametrize("at_once", [False, True])
def test_a_kernel_answers_so_many_websockets_of_its_session_and_no_more(live, at_once):
    most = channels.MOST_OF_KERNEL
    answered = many(live, 3 * most, at_once=at_once)
    assert sum(answered) == most
    assert at_once or answered[-most:] == [True] * most, "a page that lost its own is never locked out"
    assert models(live), "the kernel lives, and places are free again"


def test_a_websocket_that_another_sites_page_opens_is_refused(live):
    assert refused(live, live.visitor, Origin="http://evil.example") == 403
    assert refused(live, live.visitor, Origin=f"http://127.0.0.1:{live.visitor.port}") == 101


def test_the_kernel_is_confined_and_holds_nobody_elses_shop(live, alone):
    scratch = next(path for path in alone.workspace.root.parent.glob("barberlab-*") if (path / "extract").is_dir())
    assert (scratch / "confinement").read_text().startswith("confined: landlock")
    held = b"".join(path.read_bytes() for path in (scratch / "extract").rglob("*") if path.is_file())
    assert b"north-01" in held
    assert not any(shop in held for shop in (b"north-02", b"north-03", b"south"))
    assert b"revenue" in held, "the draws of the own shop are there"


def test_pages_are_read_when_every_kernel_is_dead(alone):
    visitor = alone.signed_in("fran")
    opened(visitor)
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"BARBERLAB_ROOT={alone.workspace.root.parent}/barberlab-".encode() in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
    assert visitor.get("/n/north/performance/report.html").status == 200
    assert visitor.get("/n/north/").status == 200


def kernels(server: Served) -> int:
    """How many run, as the server counts them."""
    told = server.visitor().get("/metrics", Authorization="Bearer monitor").text
    return int(float(re.search(r"^barberlab_kernels (\S+)$", told, re.MULTILINE)[1]))


def eventually(is_so, seconds: float = 20) -> bool:
    """Whether it becomes so."""
    until = time.monotonic() + seconds
    while not (so := is_so()) and time.monotonic() < until:
        time.sleep(0.1)
    return so


def test_signing_out_ends_the_sessions_kernels(alone):
    visitor = alone.signed_in("rhea")
    before = kernels(alone)
    live = opened(visitor)
    assert kernels(alone) == before + 1
    visitor.post("/logout", {"_xsrf": visitor.form_token()})
    assert eventually(lambda: kernels(alone) == before)
    assert refused(live, visitor) == 401


def test_a_person_has_two_kernels_and_a_third_takes_the_firsts_place(alone):
    visitor = alone.signed_in("owen")
    before = kernels(alone)
    first, second, third = opened(visitor), opened(visitor), opened(visitor)
    assert kernels(alone) <= before + 2
    assert refused(first, visitor) == 404
    assert refused(second, visitor) == refused(third, visitor) == 101


def test_many_kernels_that_are_asked_for_at_once_do_not_all_find_room():
    """Each place is taken when it is asked for, not when its kernel has come up."""
    manager, go_on = kernels_of_the_server.OwnedKernels(), threading.Event()

    def lay_out(_: Path) -> dict:
        go_on.wait(20)
        raise RuntimeError("no kernel is needed here")

    async def ask() -> str:
        order = kernels_of_the_server.Order(sessions.Session("t", house.PEOPLE["mina"], 0, 0), lay_out)
        try:
            with kernels_of_the_server.ordered(order):
                await manager.start_kernel()
        except Exception as error:
            return type(error).__name__
        return ""

    async def all_at_once() -> list[str]:
        asked = [asyncio.ensure_future(ask()) for _ in range(6)]
        await asyncio.sleep(0.2)
        go_on.set()
        return await asyncio.gather(*asked)

    assert sorted(asyncio.run(all_at_once())) == ["Busy"] * 4 + ["RuntimeError"] * 2
    assert asyncio.run(ask()) == "RuntimeError", "the places are free again"


def test_a_notebook_is_not_run_for_whom_nothing_is_published(alone):
    before = kernels(alone)
    alone.users.add(house.Person("nell", "franchisor", {"east": None}), house.PASSWORD)
    shown = alone.signed_in("nell").get("/n/east/what-if").text
    assert "nothing published yet" in shown
    assert "barberlab run east" in shown
    assert kernels(alone) == before
