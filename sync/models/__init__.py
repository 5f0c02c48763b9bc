"""How the archive and the OTT platform stand to each other, and what was done about it. Written only by `sync.services`."""

from sync.models.history import HistoryHead, HistoryRow
from sync.models.matching import FolderMatches, Match, MatchCell, TargetRow, Touch
from sync.models.plans import Plan, PlanPart
from sync.models.reports import DriftLine, DriftReport
from sync.models.target import Target, TargetSource, TargetWork

__all__ = [
    "DriftLine",
    "DriftReport",
    "FolderMatches",
    "HistoryHead",
    "HistoryRow",
    "Match",
    "MatchCell",
    "Plan",
    "PlanPart",
    "Target",
    "TargetRow",
    "TargetSource",
    "TargetWork",
    "Touch",
]
