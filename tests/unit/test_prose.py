"""What docstrings and comments name exists: code, files, commands, tables, codes. As test_docs.py reads pages."""

from __future__ import annotations

import ast
import builtins
import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from pophub.cli.program import app
from pophub.domain.codes import CODES
from pophub.settings import PROJECT

TEXTS = (".py", ".sql", ".md", ".yaml", ".json", ".avsc", ".toml", ".lock", ".jsonl", ".env")
INLINE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(rf"[\w./-]*\w(?:{'|'.join(map(re.escape, TEXTS))})\b(?![\w/])")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
WORD = re.compile(r"[A-Za-z_]\w*")
FOREIGN = {"gc", "get_server", "ru_maxrss", "console"}  # of Python, a wheel, the kernel, Markdown


class Source(NamedTuple):
    """A file: what its comments and docstrings say, and its words without them."""

    prose: list[str]
    words: frozenset[str]
    code: str


@cache
def tracked() -> tuple[str, ...]:
    told = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return tuple(name for name in told.stdout.split("\n") if name and (PROJECT / name).exists())


SOURCES = [
    name
    for name in tracked()
    if name.startswith(("pophub/", "dags/", "tests/", "benchmarks/")) and name.endswith((".py", ".sql"))
]


def texts_of(tree: ast.Module) -> list[ast.Constant]:
    """Give the strings that stand as statements: docstrings, and those under a constant."""
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [v for v in statements if isinstance(v, ast.Constant) and isinstance(v.value, str)]


def python(text: str) -> Source:
    texts = texts_of(ast.parse(text))
    prose = [str(v.value) for v in texts]
    places = {(v.lineno, v.col_offset) for v in texts}
    code: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            prose.append(token.string)
        elif not (token.type == tokenize.STRING and token.start in places):
            code.append(token.string)
    told = " ".join(code).replace(" . ", ".")
    return Source(prose, frozenset(WORD.findall(told)), told)


def sql(text: str) -> Source:
    code = re.sub(r"--(?! name:).*", "", text)  # `-- name:` names the statement below
    return Source(re.findall(r"--.*", text), frozenset(WORD.findall(code)), code)


@cache
def source(name: str) -> Source:
    text = (PROJECT / name).read_text()
    return python(text) if name.endswith(".py") else sql(text)


@cache
def all_code() -> str:
    return "\n".join(source(name).code for name in SOURCES)


@cache
def defined() -> frozenset[str]:
    """Give every class, function, method, field and constant, and every word of the SQL."""
    found: set[str] = set()
    for name in SOURCES:
        if name.endswith(".sql"):
            found |= source(name).words
            continue
        tree = ast.parse((PROJECT / name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
        for body in (tree.body, *(n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef))):
            for statement in body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    found.add(statement.target.id)
                elif isinstance(statement, ast.Assign):
                    found |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return frozenset(found)


@cache
def modules() -> dict[str, str]:
    """Give the file of each module and package under its full name."""
    return {
        str(Path(name).with_suffix("")).replace("/", ".").removesuffix(".__init__"): name
        for name in SOURCES
        if name.endswith(".py")
    }


def files_of(dotted: str) -> list[str]:
    """Give the modules whose full name is or ends with this one."""
    return [file for name, file in modules().items() if f".{name}".endswith(f".{dotted}")]


def knows_dotted(word: str, own: Source) -> bool:
    """Say whether words joined by dots are a code, a failpoint, a table, a key, a module, or a name of one of these."""
    if word in CODES or files_of(word) or word.split(".")[0] in FOREIGN:
        return True
    if re.search(rf"\b{re.escape(word)}\b", all_code()):
        return True
    head, _, last = word.rpartition(".")
    if files := files_of(head):
        return any(last in source(file).words for file in files)
    return (head in defined() or head in own.words) and last in defined()


def knows_command(text: str) -> bool:
    found: Any = typer.main.get_command(app)
    rest = text.split()
    while rest and rest[0] in getattr(found, "commands", {}):
        found = found.commands[rest.pop(0)]
    group = bool(getattr(found, "commands", {}))
    options = {o for p in found.params for o in p.opts}
    return not (group and rest and rest[0].islower()) and all(w in options for w in rest if w[:2] == "--")


def knows_file(word: str) -> bool:
    """Say whether a file of the project ends so, or the code itself writes one of this name."""
    name = word.removeprefix("./")
    if any(known == name or known.endswith(f"/{name}") for known in tracked()):
        return True
    return Path(name).name in all_code()


def knows_target(text: str) -> bool:
    return bool(re.search(rf"^{text.split()[1]}:", (PROJECT / "Makefile").read_text(), re.M))


def knows_word(word: str, own: Source) -> bool:
    """Say whether a word is of the file's own code, defined anywhere, or, where it has a `_`, used anywhere."""
    if word in own.words or word in defined() or word in FOREIGN or hasattr(builtins, word):
        return True
    ending = "" if word.endswith("_") else r"\b"  # `hub_` begins names
    return "_" in word and bool(re.search(rf"\b{word}{ending}", all_code()))


def wrong_in(word: str, own: Source) -> bool:
    """Say whether something set as code names what is not there; what has another form is no name."""
    if word.startswith("pophub "):
        return not knows_command(word.removeprefix("pophub "))
    if word.startswith("make "):
        return not knows_target(word)
    if FILE.fullmatch(word):
        return not knows_file(word)
    bare = word.removesuffix("()").split("[")[0].split("(")[0]
    if DOTTED.fullmatch(bare):
        return not knows_dotted(bare, own)
    if WORD.fullmatch(bare):
        return not knows_word(bare, own)
    return False


@pytest.mark.parametrize("name", SOURCES)
def test_what_a_docstring_or_a_comment_names_exists(name: str) -> None:
    own = source(name)
    for text in own.prose:
        wrong = [w for w in INLINE.findall(text) if wrong_in(w, own)]
        wrong += [w for w in FILE.findall(INLINE.sub("", text)) if not knows_file(w)]
        assert not wrong, f"{name} names {wrong}"
