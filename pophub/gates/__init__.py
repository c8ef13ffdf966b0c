"""The four gates: mapping to the contract, and the rules, judged by Great Expectations.

Set before anything imports Great Expectations: no analytics, no flood of log lines.
"""

import logging
import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
logging.getLogger("great_expectations").setLevel(logging.WARNING)
