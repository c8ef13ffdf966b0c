"""Carries a plan's steps out, each once; a step killed in the middle is done again from its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pophub.domain.errors import ConfigError, TransientError
from pophub.postgres import Connection, Cursor, connect, copy_rows, execute_values, now_us, transaction
from pophub.settings import Settings
from pophub.simulation.clock import SECOND_US, from_us, month_end_us, ticks_us
from pophub.simulation.databases import set_up
from pophub.simulation.model import Step, Version
from pophub.simulation.plan import Plan
from pophub.simulation.tables import SIMULATION, TRUTH_COLUMNS
from pophub.simulation.today import Round, plan_today
from pophub.simulation.write import write

OWNER = "pophub_owner"
BEFORE: dict[Step, Step] = {"2024": "2023", "today": "2024"}
SETTLED_US = 60 * SECOND_US
ROUND_US = 3 * 3600 * SECOND_US


@dataclass(frozen=True)
class Applied:
    """What a step wrote; nothing where it had been applied before."""

    step: Step
    round: int
    rows: int
    changed: bool


def apply(settings: Settings, plan: Plan, step: Step) -> Applied:
    """Write a step of the plan into the agencies' databases, the ticks, and the truth, in order.

    A year is written once; each further `today` is a new round.
    Errors: `simulation.other_seed`, `simulation.order`, `simulation.busy`.
    """
    set_up(settings)
    connection = connect(settings, SIMULATION, database=SIMULATION)
    try:
        _own(connection)
        round_ = _claim(connection, plan, step)
        if round_ is None:
            return Applied(step, 0, 0, False)
        versions = plan_today(plan, round_) if step == "today" else plan.of_step(step)
        _mark_hub(settings, plan, step)
        write(settings, versions)
        _finish(connection, step, round_, versions)
    finally:
        connection.close()
    return Applied(step, round_.number, len(versions), True)


def _own(connection: Connection) -> None:
    """Keep two simulations off each other for as long as this connection lives."""
    with transaction(connection, "simulation") as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtext('simulation'))")
        (taken,) = cast(tuple[bool], cursor.fetchone())
    if not taken:
        raise TransientError(
            "simulation.busy",
            "another process is writing the agencies' data",
            where="database simulation",
            remedy="wait until it has ended",
        )


def _claim(connection: Connection, plan: Plan, step: Step) -> Round | None:
    """Note that the step has begun, with the span of its changes; None where it is done."""
    with transaction(connection, "simulation") as cursor:
        _same_plan(cursor, plan)
        cursor.execute(
            "select step, round, from_us, to_us, done_at is not null from truth.step order by step, round"
        )
        known = cursor.fetchall()
        done = {name for name, _, _, _, is_done in known if is_done}
        if step in BEFORE and BEFORE[step] not in done:
            raise ConfigError(
                "simulation.order",
                f"step {step} comes after {BEFORE[step]}, which is not written yet",
                where="database simulation",
                remedy=f"simulate {BEFORE[step]} first",
            )
        for name, number, start, end, is_done in known:
            if name == step and not is_done:
                return Round(number, start, end)
        if step in done and step != "today":
            return None
        round_ = _next_round(cursor, step, [row for row in known if row[0] == step])
        cursor.execute(
            "insert into truth.step (step, round, from_us, to_us) values (%s, %s, %s, %s)",
            (step, round_.number, round_.from_us, round_.to_us),
        )
    return round_


def _same_plan(cursor: Cursor, plan: Plan) -> None:
    wanted = {"seed": str(plan.seed), "scale": str(float(plan.scale))}
    execute_values(
        cursor,
        "insert into truth.setting (name, value) values %s on conflict do nothing",
        list(wanted.items()),
    )
    cursor.execute("select name, value from truth.setting where name in ('seed', 'scale')")
    found = dict(cursor.fetchall())
    if found != wanted:
        raise ConfigError(
            "simulation.other_seed",
            f"the data is of seed {found['seed']}, scale {found['scale']}; "
            f"asked for seed {wanted['seed']}, scale {wanted['scale']}",
            where="database simulation",
            remedy="use the same seed and scale, or start anew with --fresh",
        )


def _next_round(cursor: Cursor, step: Step, known: list[tuple[str, int, int, int, bool]]) -> Round:
    """Give the span of a new step: today's is the last hours, after all earlier changes."""
    if step != "today":
        return Round(1, 0, 0)
    now = now_us(cursor)
    end = now - SETTLED_US
    last = max((row[3] for row in known), default=month_end_us(2024, 12))
    number = max((row[1] for row in known), default=0) + 1
    if end - last < SECOND_US:  # two rounds within a minute: closer to now, still after the last
        end = max(last + SECOND_US, now - SECOND_US)
    return Round(number, max(last, end - ROUND_US), end)


def _mark_hub(settings: Settings, plan: Plan, step: Step) -> None:
    """Tell the hub of which datasets the clock is simulated, and give it the step's ticks."""
    connection = connect(settings, OWNER)
    try:
        with transaction(connection, "the simulation's clock") as cursor:
            settings_rows = [
                ("simulated", "true"),
                ("simulation.seed", str(plan.seed)),
                ("simulation.scale", str(float(plan.scale))),
                *((f"simulation.stem.{stem}", how) for stem, how in sorted(plan.read_by.items())),
            ]
            execute_values(
                cursor,
                "insert into extract.setting (name, value) values %s "
                "on conflict (name) do update set value = excluded.value",
                settings_rows,
            )
            execute_values(
                cursor,
                "insert into extract.tick (at) values %s on conflict do nothing",
                [(from_us(tick),) for tick in ticks_us(step)],
            )
    finally:
        connection.close()


def _finish(connection: Connection, step: Step, round_: Round, versions: list[Version]) -> None:
    """Record the truth about the step's versions and that it is done, in one transaction."""
    label = step if step != "today" else f"today {round_.number}"
    seen: dict[tuple[str, str, int], int] = {}
    with transaction(connection, "truth") as cursor:
        if step == "today":
            cursor.execute("select stem, key, marker, max(ordinal) from truth.version group by 1, 2, 3")
            seen = {(stem, key, marker): ordinal + 1 for stem, key, marker, ordinal in cursor}
        rows = []
        for v in versions:
            ordinal = v.ordinal + seen.get((v.stem, v.key, v.marker), 0)
            rows.append((v.stem, v.key, v.marker, ordinal, v.sound, v.gate, v.code, v.label, label))
        copy_rows(cursor, "truth.version", TRUTH_COLUMNS, rows)
        cursor.execute(
            "update truth.step set done_at = clock_timestamp() where step = %s and round = %s",
            (step, round_.number),
        )
