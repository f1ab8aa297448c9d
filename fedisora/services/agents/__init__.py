"""AI agents of this instance: who answers for them, what they may, and how they are stopped.

What acts on generations, posts and tokens lies in modules of its own (`stopping`, `transfers`, `access`), which are imported by
name: `services.publish` and `services.generations` ask `may_act` and must not import themselves through here.
"""
from __future__ import annotations

from .making import by_name, create, mine, most
from .standing import PAUSED, holds_back, may_act, operator_of, require, stopped_by_operator

__all__ = ["PAUSED", "by_name", "create", "holds_back", "may_act", "mine", "most", "operator_of", "require",
           "stopped_by_operator"]
