"""Thresholds people can steer: what they would bring, what to set for a wanted number of alerts, saving and taking back.

known = thresholds.known(session, now=now)
thresholds.preview(session, known, alerts_a_week=9, now=now)
"""

from core.thresholds.forecast import GRID, Evidence, OfType, Point, Range, curve, for_alerts_a_week, for_target
from core.thresholds.outcomes import Dismissals, Lesson
from core.thresholds.setting import save, undo
from core.thresholds.steering import ORIGIN_RIGHT, ORIGIN_SHARE, Known, Preview, known, point, preview

__all__ = [
    "GRID",
    "ORIGIN_RIGHT",
    "ORIGIN_SHARE",
    "Dismissals",
    "Evidence",
    "Known",
    "Lesson",
    "OfType",
    "Point",
    "Preview",
    "Range",
    "curve",
    "for_alerts_a_week",
    "for_target",
    "known",
    "point",
    "preview",
    "save",
    "undo",
]
