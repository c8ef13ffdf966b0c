"""Races too narrow to wait for: the other worker's step is put where it hurts."""

from __future__ import annotations

from pophub.stores.judge import JudgeStore

from .database import Database
from .scheduler import Mood, Simulation
from .wires import drawn_things, statements_answered


def test_a_number_given_up_between_the_statements_of_a_claim_is_claimed() -> None:
    connector = drawn_things("sql", True, 0, 0, 5, False)
    database = Database(Simulation(0, Mood()))
    field = [f.name for f in connector.contract.fields].index("number")
    held = {"dataset": 1, "field": field, "value": "n1", "key": "a"}
    database.write("population.claim", held)
    place = (1, field, "n1")

    def step(what: str) -> None:
        if what == "claims" and database.tables["population.claim"].get(place) is held:
            del database.tables["population.claim"][place]

    database.simulation.step = step  # type: ignore[method-assign]
    with statements_answered():
        with JudgeStore(database.connect(), connector).transaction() as decision:
            assert decision.move_claims([], {("number", "n1"): "b"}) == {}
        assert database.tables["population.claim"][place]["key"] == "b"
        with JudgeStore(database.connect(), connector).transaction() as decision:
            assert decision.move_claims([], {("number", n): "c" for n in ("n1", "n2")}) == {
                ("number", "n1"): "b"
            }
        assert (1, field, "n2") not in database.tables["population.claim"]
