"""Running: notebooks executed per network, gated and published."""

from barberlab.runs.inside import keep, report_gate

__all__ = ["keep", "report_gate"]
