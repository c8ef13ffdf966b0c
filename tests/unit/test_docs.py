"""What the documents name exists: paths, links, commands and options, targets, tables, codes, failpoints."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from pophub.cli.program import app
from pophub.contracts.load import load_all
from pophub.domain import digests
from pophub.domain.codes import CODES, GATES
from pophub.settings import PROJECT, Endpoints
from tests.documented import data_model

GENERATED = {"codes.md", "command-line.md"}
DOCUMENTS = sorted(
    path
    for folder in (PROJECT, PROJECT / "docs", PROJECT / "docs" / "adr", PROJECT / "deploy")
    for path in folder.glob("*.md")
    if path.name not in GENERATED
)
NAMES = [str(path.relative_to(PROJECT)) for path in DOCUMENTS]
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(
    r"\A(?:connectors|schemas|expectations|subscriptions|dags|pophub|tests|docs|deploy|benchmarks)"
    r"/[\w./-]*\Z"
)
SCHEMAS = "extract|judge|population|quarantine|ledger|live|hub"
EXAMPLE = "moet"  # the ministry that add-a-connector.md adds


@cache
def text_of(name: str) -> str:
    return (PROJECT / name).read_text()


@cache
def code() -> str:
    """Give all Python and SQL of the hub as one text."""
    found = [*(PROJECT / "pophub").rglob("*.py"), *(PROJECT / "dags").glob("*.py")]
    return "\n".join(path.read_text() for path in found)


@cache
def tables() -> str:
    return "\n".join(path.read_text() for path in sorted((PROJECT / "pophub" / "sql").glob("schema*.sql")))


def words(name: str) -> list[str]:
    """Give what a document sets as code in its prose."""
    return INLINE.findall(FENCE.sub("", text_of(name)))


def command(text: str) -> tuple[Any, list[str]]:
    """Follow `pophub NOUN VERB ...` to its command; give also the words behind it."""
    found: Any = typer.main.get_command(app)
    rest = text.split()
    while rest and rest[0] in getattr(found, "commands", {}):
        found = found.commands[rest.pop(0)]
    return found, rest


def commands_of(name: str) -> list[str]:
    """Give each `pophub ...` of a document, in prose and in its fences."""
    fences = "\n".join(FENCE.findall(text_of(name)))
    told = re.findall(r"(?:^|\$ |\(|run )pophub ([a-z][^|;)\"#\n]*)", fences, re.M)
    inline = [w for w in words(name) if w.startswith(("pophub ", "uv run pophub "))]
    return told + [w.split("pophub ", 1)[1] for w in inline]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files(name: str) -> None:
    for target in LINK.findall(text_of(name)):
        if "://" not in target:
            path = (PROJECT / name).parent / target.partition("#")[0]
            assert path.exists(), f"{name} links to {target}"


@pytest.mark.parametrize("name", NAMES)
def test_named_paths_exist(name: str) -> None:
    for word in words(name):
        if PATH.match(word) and EXAMPLE not in word:
            assert (PROJECT / word).exists(), f"{name} names {word}"


@pytest.mark.parametrize("name", NAMES)
def test_named_commands_and_options_exist(name: str) -> None:
    for text in commands_of(name):
        if text.startswith(("...", "--help")):
            continue
        found, rest = command(text)
        assert not getattr(found, "commands", {}), f"{name}: there is no command `pophub {text}`"
        options = {o for p in found.params for o in p.opts} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word in options, f"{name}: `pophub {text}`: no option {word}"


@pytest.mark.parametrize("name", NAMES)
def test_named_classes_exist(name: str) -> None:
    for word in words(name):
        if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", word):
            known = re.search(rf"\b(?:class|import) (?:\w+, )*{word}\b", code() + text_of(name))
            assert known, f"{name} names {word}"


@pytest.mark.parametrize("name", NAMES)
def test_named_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M))
    inline = [w for w in words(name) if w.startswith("make ")]
    fenced = re.findall(r"^make [\w-]+", "\n".join(FENCE.findall(text_of(name))), re.M)
    for text in inline + fenced:
        assert text.split()[1] in targets, f"{name}: `{text}`"


@pytest.mark.parametrize("name", NAMES)
def test_named_tables_views_and_functions_exist(name: str) -> None:
    for table in re.findall(rf"\b((?:{SCHEMAS})\.[a-z_]+)\b", text_of(name)):
        if table.endswith((".py", ".sql", ".md", ".json")) or table in ("hub.pseudonyms", "ledger.broken"):
            continue
        if table in CODES or f'"{table}"' in code():
            continue  # a code or a failpoint
        assert re.search(rf"(?:table|view|function)(?: if not exists)? {re.escape(table)}\b", tables()), (
            f"{name} names {table}"
        )


@pytest.mark.parametrize("name", NAMES)
def test_named_codes_exist(name: str) -> None:
    for word in words(name):
        if re.fullmatch(rf"(?:{'|'.join(GATES)})\.[a-z_.]+", word):
            known = word in CODES or re.search(rf"\b{re.escape(word)}\b", tables() + code())
            assert known, f"{name} names the code {word}"
        if re.fullmatch(r"(?:share|lane|source|judge|raw|ledger|kafka|config)\.[a-z_]+", word):
            known = word in CODES or f'"{word}"' in code() or re.search(rf"\b{word}\b", tables())
            assert known or f"{word}:" in code(), f"{name} names {word}"


def test_every_failpoint_of_the_stages_is_told_and_every_told_one_exists() -> None:
    reached = set(re.findall(r'reach\("((?:extract|judge|share)\.[a-z_]+)"\)', code()))
    told = {w for w in words("docs/data-model.md") if re.fullmatch(r"(?:extract|judge|share)\.[a-z]+", w)}
    told = {w for w in told if w in reached or not re.search(rf"table if not exists {w}\b", tables())}
    assert told - {"share.diverged"} == reached


def test_every_table_and_view_is_told() -> None:
    for table in re.findall(r"create (?:table if not exists|or replace view) ([a-z_.]+)", tables()):
        if not table.endswith("_"):  # partitions are named by their month
            assert f"`{table}`" in text_of("docs/data-model.md"), table


def test_every_role_and_principal_is_told() -> None:
    prepare = text_of("pophub/prepare.py")
    for name in re.findall(r'"(pophub[_-](?:extract|judge|share|read|owner|ledger|live))"', prepare):
        assert f"`{name}`" in text_of("docs/data-model.md"), name


def test_every_variable_of_the_settings_is_told() -> None:
    told = text_of("docs/deploy.md")
    for field in Endpoints.model_fields:
        assert f"POPHUB_{field.upper()}" in told, field
    for variable in re.findall(r"POPHUB_[A-Z_]+", told):
        known = code() + "".join(f"POPHUB_{field.upper()} " for field in Endpoints.model_fields)
        generic = variable.startswith("POPHUB_SECRET_") or variable.endswith("_PORT")
        assert generic or variable in known, variable


def test_the_pages_say_how_to_derive_every_digest() -> None:
    derived = data_model("derive")
    for operation, body in (("u", b"record"), ("d", "khóa|1".encode())):
        (ours,) = digests.content_digests(operation.encode(), [body])
        assert derived["content"](operation, body) == ours
    assert derived["event_id"]("a.b", "k|1", -5, ours) == digests.event_ids("a.b", ["k|1"], [-5], [ours])[0]
    row = (b"", "a.b", 1, 2, b"e" * 16, "k", -5, "u", ours, b"payload", 1, 7, 8)
    assert derived["history_link"](*row) == digests.history_link(*row)
    told = (*row, 6)
    assert derived["history_link"](*told) == digests.history_link(*told) != digests.history_link(*row)
    gone = (b"p" * 32, "a.b", 1, 2, b"e" * 16, "k", -5, "d", ours, None, 1, 7, 8)
    assert derived["history_link"](*gone) == digests.history_link(*gone)
    for omitted in [(), [(3, 3), (5, 7)]]:
        shared = (b"p" * 32, "portal", "a.b", 1, 2, 9, omitted, 4, 1, 7, 8)
        ids = [b"e" * 16, b"f" * 16, b"g" * 16, b"h" * 16]
        assert derived["stretch_link"](*shared, ids) == digests.stretch_link(*shared, b"".join(ids))


def test_the_readme_and_the_changelog_name_the_connectors_at_hand() -> None:
    for connector in load_all(PROJECT)[0]:
        assert connector.stem in text_of("README.md")
        assert connector.stem in text_of("CHANGELOG.md")


def test_the_map_names_each_room_once() -> None:
    named = re.findall(r"^\| `([^`]+)` \| ", text_of("CONTRIBUTING.md"), re.M)
    told = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    files = [Path(name) for name in told.stdout.split() if (PROJECT / name).exists()]
    folders = {file.parts[0] for file in files if len(file.parts) > 1}
    rooms = {f"{folder}/" for folder in folders - {"pophub", "tests"}}
    for file in files:
        if len(file.parts) > 2 and file.parts[0] in ("pophub", "tests"):
            rooms.add(f"{file.parts[0]}/{file.parts[1]}/")
        elif file.parts[0] == "pophub" and file.name != "__init__.py":
            rooms.add(str(file))
    assert sorted(named) == sorted(rooms - {"tests/samples/"})  # these are told with tests/contract/


def test_every_adr_is_listed() -> None:
    listed = set(LINK.findall(text_of("docs/adr/README.md")))
    assert listed == {p.name for p in (PROJECT / "docs/adr").glob("0*.md")}


def test_documents_name_no_path_of_a_machine() -> None:
    told = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    for name in {*NAMES, *told.stdout.split()}:
        if (path := Path(PROJECT, name)).exists():
            assert not re.search(r"/work/|/home/\w|/root/", path.read_text()), name
