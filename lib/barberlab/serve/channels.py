"""What may a page say to its kernel, and the kernel to its page? Widgets' values in, widgets' state out, nothing else.

Voila drops messages that would run code. What is left can still make any widget that exists in the kernel, and change
what was never meant to be changed; so a page may only move the controls that its notebook made.
"""

import asyncio
import json
import weakref
from collections import deque
from typing import Any

from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

_V1 = "v1.kernel.websocket.jupyter.org"
# What a person does to a control. Ends, steps, layouts and styles are the notebook's.
_MOVED = {"value", "index"}
_LONGEST = 64 * 1024
# A page has one; another is a reload whose old one has not yet been missed, or a second tab.
MOST_OF_KERNEL = 4
_POLICY = 1008  # RFC 6455, 7.4.1: a rule of the server's is broken


def passes(channel: str | None, header: Any, content: Any) -> bool:
    """Whether a browser's message goes to the kernel."""
    if channel not in (None, "shell", "control") or not isinstance(header, dict) or not isinstance(content, dict):
        return False
    match header.get("msg_type"):
        case "kernel_info_request" | "comm_info_request":
            return True
        case "comm_msg":
            return _moves(content.get("data"))
    return False


def _moves(data: Any) -> bool:
    """A control that is moved, or a question for the state of one."""
    if not isinstance(data, dict):
        return False
    match data.get("method"):
        case "request_state":
            return True
        case "update":
            state = data.get("state")
            return isinstance(state, dict) and set(state) <= _MOVED and not data.get("buffer_paths")
    return False


def shown(header: Any, content: Any) -> bool:
    """Whether a kernel's message goes to the browser: no source, no traceback, nothing printed to stderr."""
    kind = header.get("msg_type") if isinstance(header, dict) else None
    if kind in ("execute_input", "error"):
        return False
    return not (kind == "stream" and isinstance(content, dict) and content.get("name") == "stderr")


_OF_KERNEL: weakref.WeakKeyDictionary[Any, deque["Channels"]] = weakref.WeakKeyDictionary()


class Channels(ZMQChannelsWebsocketConnection):
    """Jupyter's connection of a websocket and a kernel, with `passes` and `shown` in between.

    A kernel has at most MOST_OF_KERNEL; one more closes the oldest, so that a page that lost its own is not locked out.
    """

    async def prepare(self) -> None:
        """Take a place, before anything is waited for: many that are opened at once must not all find one."""
        own = _OF_KERNEL.setdefault(self.kernel_manager, deque())
        own.append(self)
        while len(own) > MOST_OF_KERNEL:
            own.popleft().websocket_handler.close(_POLICY, "a newer page took its place")
        await super().prepare()

    def connect(self) -> asyncio.Future[None] | None:
        """As Jupyter's, unless newer ones took the place while this one was being prepared."""
        if self in _OF_KERNEL.get(self.kernel_manager, ()):
            return super().connect()
        # Counted, because its end is.
        self.multi_kernel_manager.notify_connect(self.kernel_id)
        self.websocket_handler.close(_POLICY, "a newer page took its place")
        refused = asyncio.get_running_loop().create_future()
        refused.set_result(None)
        return refused

    def disconnect(self) -> None:
        """As Jupyter's; the place is free."""
        own = _OF_KERNEL.get(self.kernel_manager, deque())
        if self in own:
            own.remove(self)
        super().disconnect()

    def handle_incoming_message(self, incoming_msg: str | bytes) -> None:
        """To the kernel, if it may; what cannot be read is dropped like what may not pass."""
        try:
            channel, header, content = self._read(incoming_msg)
        except (ValueError, KeyError, IndexError, TypeError, UnicodeDecodeError):
            return
        if len(incoming_msg) <= _LONGEST and passes(channel, header, content):
            super().handle_incoming_message(incoming_msg)

    def handle_outgoing_message(self, stream: str, outgoing_msg: list[Any]) -> None:
        """To the browser, if it is meant for it."""
        _, parts = self.session.feed_identities(outgoing_msg, copy=True)
        header, content = self._part(parts, 1), self._part(parts, 4)
        if shown(header, content):
            super().handle_outgoing_message(stream, outgoing_msg)

    def _part(self, parts: list[Any], at: int) -> Any:
        part = parts[at]
        return self.session.unpack(getattr(part, "bytes", part))

    def _read(self, said: str | bytes) -> tuple[str | None, Any, Any]:
        if self.subprotocol == _V1:
            channel, parts = deserialize_msg_from_ws_v1(said)
            header, content = (json.loads(bytes(parts[at]), object_pairs_hook=_once) for at in (0, 3))
            return channel, header, content
        if isinstance(said, bytes):
            # Only messages with buffers are binary without the protocol above, and a control has none.
            raise ValueError
        message = json.loads(said, object_pairs_hook=_once)
        return message.get("channel"), message.get("header"), message.get("content")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice: two readers could take a different one of them."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
