"""pophub's own expectations for Great Expectations; importing this registers them there."""

from pophub.gates.expectations.dates import ExpectFresh, ExpectNotFuture, ExpectOrder
from pophub.gates.expectations.people import (
    ExpectOnePerson,
    ExpectPersonAgrees,
    ExpectPersonalId,
    ExpectPersonKnown,
)
from pophub.gates.expectations.values import (
    ExpectAmount,
    ExpectCode,
    ExpectPresent,
    ExpectText,
)
from pophub.gates.expectations.versions import ExpectNoContradiction, ExpectUnclaimed

__all__ = [
    "ExpectAmount",
    "ExpectCode",
    "ExpectFresh",
    "ExpectNoContradiction",
    "ExpectNotFuture",
    "ExpectOnePerson",
    "ExpectOrder",
    "ExpectPersonAgrees",
    "ExpectPersonKnown",
    "ExpectPersonalId",
    "ExpectPresent",
    "ExpectText",
    "ExpectUnclaimed",
]
