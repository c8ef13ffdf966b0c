"""What runs before a commit is what `make check` runs."""

from __future__ import annotations

import re

import yaml

from pophub.settings import PROJECT


def test_the_hooks_and_make_check_run_the_same_commands() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.M)
    assert recipe
    made = [line.strip().removeprefix("@$(RUN) ") for line in recipe[1].splitlines()]
    repos = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repo in repos for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == [f"uv run --no-sync {command}" for command in made]
    for hook in hooks:  # on the whole project, as make does, whatever was touched
        assert hook["always_run"] and not hook["pass_filenames"] and hook["language"] == "system", hook
