"""PREFLIGHT: what will go wrong in the days to come, found before an alert does.

Hours, territories and skills that nobody covers, people who cannot be reached, steps that reach nobody, and more alerts
than people can hold. `reading` reads the facts, `report` checks them, `telling` remembers what was told.
"""

from core.preflight.finding import Finding, Link, Severity
from core.preflight.reading import read
from core.preflight.report import DAYS, MOST_DAYS, Report, check

__all__ = ["DAYS", "MOST_DAYS", "Finding", "Link", "Report", "Severity", "check", "read"]
