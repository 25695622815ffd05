"""What happened? The bookings, what became of them, the requests behind them and the messages sent."""

from dataclasses import dataclass, field

import numpy as np

from barberlab.data.sample.axis import NEVER

BOOKED, COMPLETED, CANCELLED, NO_SHOW, UNRESOLVED = range(5)
STATUSES = ("booked", "completed", "cancelled", "no_show", "unresolved")
HALF_HOURS = 48


@dataclass
class Log:
    """Written while the story runs; read once, by `bookings` and `messages`, when it has ended.

    `asked`, `moved` and `turned_away` count requests over (shop, wished day), without those made at the desk; `wishes`
    over (shop, weekday, half hour).
    """

    shops: int
    days: int
    rows: int = 0
    _batches: list[dict[str, np.ndarray]] = field(default_factory=list)
    _outcomes: list[tuple[np.ndarray, int]] = field(default_factory=list)
    _cancelled: list[tuple[np.ndarray, int, np.ndarray]] = field(default_factory=list)
    _messages: list[dict[str, np.ndarray]] = field(default_factory=list)

    def __post_init__(self):
        self.asked, self.moved, self.turned_away = (np.zeros((self.shops, self.days), dtype=int) for _ in range(3))
        self.wishes = np.zeros((self.shops, 7, HALF_HOURS), dtype=int)

    def book(self, **columns: np.ndarray) -> np.ndarray:
        """Adds bookings; gives their numbers."""
        self._batches.append(columns)
        numbers = np.arange(self.rows, self.rows + len(columns["client"]))
        self.rows += len(numbers)
        return numbers

    def became(self, bookings: np.ndarray, status: int) -> None:
        """What became of these bookings."""
        self._outcomes.append((bookings, status))

    def cancel(self, bookings: np.ndarray, day: int, minute: np.ndarray) -> None:
        """These bookings were cancelled at that local minute."""
        self.became(bookings, CANCELLED)
        self._cancelled.append((bookings, day, minute))

    def send(self, **columns: np.ndarray) -> None:
        """Adds messages, sent or held out."""
        self._messages.append(columns)

    def ask(self, shop: np.ndarray, day: np.ndarray, weekday: np.ndarray, minute: np.ndarray) -> None:
        """Counts requests by the day and the half hour that were wished for."""
        np.add.at(self.asked, (shop, day), 1)
        np.add.at(self.wishes, (shop, weekday, minute // 30), 1)

    def bookings(self) -> dict[str, np.ndarray]:
        """Every booking's columns, with `status` and, in days and local minutes, when it was cancelled (else NEVER)."""
        columns = {c: np.concatenate([b[c] for b in self._batches]) for c in self._batches[0]}
        status = np.full(self.rows, BOOKED)
        for numbers, code in self._outcomes:
            status[numbers] = code
        day, minute = np.full(self.rows, NEVER), np.zeros(self.rows, dtype=int)
        for numbers, when, at in self._cancelled:
            day[numbers], minute[numbers] = when, at
        return columns | {"status": status, "cancelled_day": day, "cancelled_minute": minute}

    def messages(self) -> dict[str, np.ndarray]:
        """Every message's columns; empty where none was sent."""
        return {c: np.concatenate([m[c] for m in self._messages]) for c in (self._messages or [{}])[0]}
