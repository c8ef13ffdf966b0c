"""The operator's desk for what was rejected: browse, repair, replay, feedback, retention, holds, pauses."""
