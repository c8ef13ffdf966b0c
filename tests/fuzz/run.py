"""Coverage-guided fuzzing of the same targets by atheris: `make fuzz ARGS="--seconds 60"`.

Each target runs in a process of its own, from `corpus/<target>`; what is new stays in
`build/fuzz/<target>`. An input that breaks a target is printed and kept there as `crash-*`: mend the
reader, then copy the input into the corpus, where `test_fuzz.py` runs it from then on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "fuzz"
NAMES = ("raw_block", "history_block", "yaml_file", "dropped_file", "number")


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["pophub"]):
        from targets import TARGETS
    found = BUILD / name
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-rss_limit_mb=2048", "-timeout=20",
               "-print_final_stats=1", f"-artifact_prefix={found}/"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(found), str(HERE / "corpus" / name)], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Run all targets one after the other; 1 when one broke."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--seconds", type=int, default=60, help="for all targets together")
    told.add_argument("--target", choices=NAMES, action="append", help="only this one; may be repeated")
    told.add_argument("--here", choices=NAMES, help=argparse.SUPPRESS)
    wanted = told.parse_args()
    if wanted.here:
        fuzz(wanted.here, wanted.seconds)
        return 0
    names = wanted.target or list(NAMES)
    broken = []
    for name in names:
        each = str(max(1, wanted.seconds // len(names)))
        ran = subprocess.run(
            [sys.executable, __file__, "--here", name, "--seconds", each],
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        runs = [line for line in ran.stderr.splitlines() if "number_of_executed_units" in line]
        print(
            f"{name}: {'held' if ran.returncode == 0 else 'broken'}, {runs[0].split()[-1] if runs else '?'} inputs"
        )
        if ran.returncode:
            broken.append(name)
            print(ran.stderr[-6000:], file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
