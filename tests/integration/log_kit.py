"""A project whose citizens are read by their server's log, and what takes the log away from its slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hubkit import Project

LOGGED = (
    r"(?s)kind: sql\n(.*?)  key: \[so_ddcn, id\]\n  marker:.*?mapping:",
    r"kind: cdc\n\1  key: [so_ddcn]\n  gone_at_most: 0.6\nlimits: {{batch_rows: {batch_rows}}}\nmapping:",
)
STATUS = "select wal_status from pg_replication_slots where slot_name = %s"


def declare_logged(project: Project, fields: Sequence[str], batch_rows: int = 4) -> None:
    """Declare citizens that are read by the log, publish their table, and prepare the hub."""
    pattern, text = LOGGED
    project.declare("mps.citizens", (pattern, text.format(batch_rows=batch_rows)), fields=fields)
    suite = project.folder / f"expectations/{project.agency}/citizens.json"
    suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))
    project.sql("alter table dancu.cong_dan drop constraint cong_dan_pkey, add primary key (so_ddcn)")
    project.sql("create publication pophub for table dancu.cong_dan")
    project.pass_through("prepare")


def slot(project: Project) -> str:
    """Give the name of the project's slot."""
    return f"pophub_{project.agency}_citizens"


def drop_slot(project: Project) -> None:
    """Drop the project's slot by hand, where it is there."""
    project.sql(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
        slot(project),
    )


def invalidate_slot(project: Project) -> None:
    """Let the server take its log away from the project's slot: it wrote more than it keeps for one.

    The bound is the server's; slots of others that are as far behind are lost with it.
    """
    project.sql("alter system set max_slot_wal_keep_size = '1MB'")
    project.sql("select pg_reload_conf()")
    try:
        for _ in range(20):
            project.sql("select pg_logical_emit_message(false, 'x', 'x')")
            project.sql("select pg_switch_wal()")
            project.sql("checkpoint")
            if project.sql(STATUS, slot(project)) == [("lost",)]:
                return
        raise AssertionError("the server keeps its log beyond its bound")
    finally:
        project.sql("alter system reset max_slot_wal_keep_size")
        project.sql("select pg_reload_conf()")


def passed(project: Project) -> tuple[int, dict[str, int]]:
    """Run the stages; give the rows that were sent, and the verdicts."""
    extracted, judged, _ = project.pass_through()
    told = {s: judged[s] for s in ("shared", "duplicate", "quarantined", "superseded") if judged[s]}
    return extracted["rows"], told


def present(project: Project) -> dict[str, str]:
    """Give number -> name of this project's people who are present in the population database."""
    return dict(project.servers.query(
        "select citizen_id, full_name from population.citizen where present and citizen_id like %s",
        project.number_of(0)[:-3] + "%",
    ))  # fmt: skip


def at_source(project: Project) -> dict[str, str]:
    """Give number -> name of those whom the agency has."""
    return dict(project.sql("select so_ddcn, ho_ten from dancu.cong_dan"))


def publish_anew(project: Project) -> None:
    """Drop the publication and make it again, as who mends the wrong thing does."""
    project.sql("drop publication if exists pophub")
    project.sql("create publication pophub for table dancu.cong_dan")


LOSSES: dict[str, Callable[[Project], None]] = {
    "invalidated by max_slot_wal_keep_size": invalidate_slot,
    "dropped by hand": drop_slot,
    "kept, its publication made anew": publish_anew,
}
"""How the log of a project is lost, each told in words."""
