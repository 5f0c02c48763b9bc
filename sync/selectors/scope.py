"""Who may do what with sync."""

from __future__ import annotations

VIEW, RUN, MANAGE = "sync.view_match", "sync.run_sync", "sync.manage_target"
