"""How often may somebody try? So many failures in a window for each key, then nothing until the window has passed."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

MOST_KEYS = 10_000


@dataclass
class Limit:
    """At most `most` events of one key in `window_s` seconds; moments are seconds of any clock that only goes on."""

    most: int
    window_s: float
    _seen: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def wait_s(self, key: str, now: float) -> float:
        """How long `key` has to wait; 0 if it may go on."""
        times = self._fresh(key, now)
        return times[0] + self.window_s - now if len(times) >= self.most else 0.0

    def count(self, key: str, now: float) -> None:
        """Note an event of `key`."""
        times = self._fresh(key, now)
        times.append(now)
        self._seen[key] = times
        self._seen.move_to_end(key)
        # Whoever invents keys pushes out the oldest, and never the memory's end.
        while len(self._seen) > MOST_KEYS:
            self._seen.popitem(last=False)

    def forget(self, key: str) -> None:
        """Begin anew with `key`."""
        self._seen.pop(key, None)

    def _fresh(self, key: str, now: float) -> deque[float]:
        times = self._seen.get(key, deque(maxlen=self.most))
        while times and times[0] <= now - self.window_s:
            times.popleft()
        return times
