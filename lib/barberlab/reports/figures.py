"""Which figure answers which question? All of them, by name; each draws itself wide and for a phone.

How did it go? `trend`; several side by side: `small_multiples`. What comes next? `fan`, of several shops `fans`. Was it
as we said? `calibration`; near and far ahead: `coverage`. Which shops differ, and by how much? `ranges`. Is a rate out
of line, or only a small shop's? `funnel`. When in the week? `heat`. Which segment, and for how long? `segment_bar`,
`stability`. Inside a row: `sparkline`, `range_track`.
"""

from barberlab.reports.calibrated import calibration
from barberlab.reports.fans import fan, fans
from barberlab.reports.funnels import funnel, funnel_limits
from barberlab.reports.gaps import ranges
from barberlab.reports.marks import range_track, sparkline
from barberlab.reports.over_time import small_multiples, trend
from barberlab.reports.promises import coverage
from barberlab.reports.segments import segment_bar, stability
from barberlab.reports.weeks import heat

__all__ = [
    "calibration",
    "coverage",
    "fan",
    "fans",
    "funnel",
    "funnel_limits",
    "heat",
    "range_track",
    "ranges",
    "segment_bar",
    "small_multiples",
    "sparkline",
    "stability",
    "trend",
]
