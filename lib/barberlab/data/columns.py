"""The kinds of column that the contract knows, each a pandera column that says its kind, unit and limits."""

from collections.abc import Iterable

import pandera.pandas as pa


def _column(kind: str, dtype: str, checks: Iterable[pa.Check], null: bool, about: str, default=None) -> pa.Column:
    return pa.Column(
        dtype, list(checks), nullable=null, default=default, description=about, metadata={"kind": kind}, coerce=False
    )


def text(about: str = "", null: bool = False, checks: Iterable[pa.Check] = ()) -> pa.Column:
    """Opaque text; never empty."""
    filled = pa.Check(lambda s: s.str.len() > 0, error="is not empty")
    return _column("text", "str", [filled, *checks], null, about)


def enum(*values: str, null: bool = False, about: str = "") -> pa.Column:
    """One of a closed list, in lower case."""
    return _column("enum", "str", [pa.Check.isin(values, error=f"one of {', '.join(values)}")], null, about)


def flag(about: str = "", null: bool = False) -> pa.Column:
    """True or false."""
    return _column("flag", "boolean", [], null, about)


def count(low: int = 0, high: int | None = None, null: bool = False, about: str = "", default=None) -> pa.Column:
    """A whole number from `low` to `high`."""
    return _column("count", "Int64", _between(low, high), null, about, default)


def money(null: bool = False, about: str = "minor units", default: int | None = None) -> pa.Column:
    """An amount in minor units of the network's currency, never negative."""
    return _column("money", "Int64", _between(0, None), null, about, default)


def number(low: float | None = None, high: float | None = None, null: bool = False, about: str = "") -> pa.Column:
    """A finite real number."""
    finite = pa.Check(lambda s: s.abs() < float("inf"), error="is finite")
    return _column("number", "float64", [finite, *_between(low, high)], null, about)


def day(null: bool = False, about: str = "local date") -> pa.Column:
    """A calendar date, local to the shop."""
    return _column("day", "datetime64[us]", [], null, about)


def instant(null: bool = False, about: str = "UTC") -> pa.Column:
    """A moment in UTC."""
    return _column("instant", "datetime64[us, UTC]", [], null, about)


def _between(low, high) -> list[pa.Check]:
    floor = [pa.Check.ge(low, error=f">= {low}")] if low is not None else []
    return floor + ([pa.Check.le(high, error=f"<= {high}")] if high is not None else [])
