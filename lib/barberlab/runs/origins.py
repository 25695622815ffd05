"""From where is a back-test forecast? The weeks of training data behind each origin, said as a count or as a list."""

import re

from barberlab.errors import BadInput


def origins(said: str, weeks: int, horizon: int) -> list[int]:
    """Numbers of training weeks in order, from a count "3" or a list "91,104,117"; a list of one is "91,".

    A count N gives the last N, half a horizon apart, of which the last ends with the data. Raises BadInput for what is
    neither, and for origins without any week before or without a whole horizon after them.
    """
    if horizon < 1:
        raise BadInput(f"--horizon {horizon}: it is a number of weeks, at least 1")
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*,?\s*", said):
        raise BadInput(f"--origins {said!r}: it is a count (3) or weeks of training data (91,104,117)")
    numbers = [int(part) for part in said.split(",") if part.strip()]
    counted = "," not in said
    found = _last(numbers[0], weeks, horizon) if counted else sorted(set(numbers))
    bad = [origin for origin in found if not 1 <= origin <= weeks - horizon]
    if bad or not found:
        hint = f"; for week {said.strip()} alone say {said.strip()}," if counted and numbers[0] > 1 else ""
        raise BadInput(
            f"--origins {said}: with {weeks} weeks and a horizon of {horizon} an origin is 1 to {weeks - horizon}, "
            f"found {', '.join(map(str, bad[:3])) or 'none'}{hint}"
        )
    return found


def _last(count: int, weeks: int, horizon: int) -> list[int]:
    # Half an odd horizon rounds up; with a horizon of one week origins are a week apart.
    return [weeks - horizon - max(-(-back * horizon // 2), back) for back in range(count)][::-1]
