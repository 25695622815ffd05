"""How many public holidays lie in a week? Known for every country and region, years ahead."""

import holidays
import numpy as np

from barberlab.errors import BadInput


def weekly_holidays(place: str, weeks: np.ndarray) -> np.ndarray:
    """(T,) public holidays from Monday to Sunday of each of `weeks` (T,) datetime64[D] Mondays.

    `place` is a country, US, or a country and its region, US-CA, in ISO 3166 codes. Each holiday counts on its own day,
    not on the one on which offices keep it. Raises BadInput for a place that is not known.
    """
    days = weeks.astype("datetime64[D]")[:, None] + np.arange(7)
    years = np.unique(days.astype("datetime64[Y]").astype(int) + 1970).tolist()
    country, _, region = place.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=years, observed=False)
    except NotImplementedError:
        raise BadInput(f"country {place!r}: no holidays are known for it; name it as US or US-CA (ISO 3166)") from None
    dates = np.array(sorted(found), dtype="datetime64[D]")
    return np.isin(days, dates).sum(axis=1).astype(float)
