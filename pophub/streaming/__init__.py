"""The stages without end: the same functions as the bounded drains, with clients that stay open.

A lane has one worker, whoever it is: a streaming worker takes the advisory locks that a drain of the
DAGs would take. After any error its clients are dropped, and it reads where everything stands.
"""

from __future__ import annotations

from pophub.streaming.lanes import LaneWorker
from pophub.streaming.sources import SourceWorker

__all__ = ["LaneWorker", "SourceWorker"]
