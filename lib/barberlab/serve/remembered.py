"""What was read or made, for as long as it is the same; never more than so many bytes of it.

A count would not do: a list of three hundred shops is as large as a hundred small ones.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import is_dataclass
from typing import Any

MOST_BYTES = 32 * 2**20


class Remembered:
    """Values by key, each with the stamp of what it came from; what was longest not asked for goes first."""

    def __init__(self, most_bytes: int = MOST_BYTES):
        self.most_bytes, self.bytes = most_bytes, 0
        self._known: OrderedDict[tuple, tuple[Hashable, Any, int]] = OrderedDict()

    def get(self, key: tuple, stamp: Hashable, read: Callable[[], Any]) -> Any:
        """The value of that key and stamp, read where it is not known. Raises what `read` raises, each time."""
        if not self.has(key, stamp):
            self._keep(key, stamp, read())
        value = self._known[key][1]
        self._known.move_to_end(key)
        self._shrink()
        return value

    def has(self, key: tuple, stamp: Hashable) -> bool:
        """Whether the value is known."""
        return key in self._known and self._known[key][0] == stamp

    @property
    def is_full(self) -> bool:
        """Whether whatever more is remembered may soon cost something else its place."""
        return self.bytes > self.most_bytes * 3 // 4

    def clear(self) -> None:
        """Forget all of it."""
        self._known.clear()
        self.bytes = 0

    def _keep(self, key: tuple, stamp: Hashable, value: Any) -> None:
        self.bytes -= self._known.pop(key, (None, None, 0))[2]
        size = weight(value)
        self._known[key] = (stamp, value, size)
        self.bytes += size

    def _shrink(self) -> None:
        while self.bytes > self.most_bytes and self._known:
            self.bytes -= self._known.popitem(last=False)[1][2]


def weight(value: Any) -> int:
    """Bytes of text, numbers, lists, mappings and dataclasses, and of all that is in them."""
    own = sys.getsizeof(value)
    if is_dataclass(value):
        return own + sum(map(weight, vars(value).values()))
    if isinstance(value, Mapping):
        return own + sum(weight(key) + weight(said) for key, said in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return own + sum(map(weight, value))
    return own
