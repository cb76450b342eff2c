"""Alert types of a team's own, beside the four: scored by rules over signals and features, or by a model of their own.

`Types` is what a process keeps of them; `book` stores and changes them, `preview` says what one would do.
"""

from core.alert_types.loaded import ACTIVE, DRAFT, RETIRED, Types, explain, score

__all__ = ["ACTIVE", "DRAFT", "RETIRED", "Types", "explain", "score"]
