"""Compares random networks in native operators with the reference, as many as one likes.

    python -m tests.converters.onnx.native.fuzz --graphs 5000 --seed 0

takes what the library takes on this machine; `--isa all` takes each of its instruction sets, and
`--isa avx2` one of them. `--brief` runs each network one way instead of twelve.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter

from snn_deploy.cli.console import progress
from snn_deploy.converters.onnx.native import instruction_sets, library
from tests.converters.onnx.native.differential import (
    EVERY_WAY,
    INSTRUCTION_SET,
    DisagreementError,
    check,
    one_way,
)

MODULE = "tests.converters.onnx.native.fuzz"
MOST_SHOWN = 20


def runnable() -> list[str]:
    """Return the instruction sets that the library holds and that this machine runs."""
    found = library()
    if found is None:
        return []
    return [name for name in instruction_sets(found).compiled if _taken(name) == name]


def _taken(asked: str) -> str:
    """Return what a process takes that is asked to take this."""
    code = (
        "from snn_deploy.converters.onnx.native import instruction_sets, library\n"
        "print(instruction_sets(library()).chosen)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=told(asked), capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def told(instruction_set: str) -> dict[str, str]:
    """Return the environment of a process that is to take this."""
    return {**os.environ, INSTRUCTION_SET: instruction_set}


def fuzz(first: int, count: int, *, brief: bool) -> str:
    """Check so many networks; return what was found.

    Raises:
        DisagreementError: some differ; the text is of all of them.
    """
    found = library()
    if found is None:
        raise SystemExit("there is no operator library; run `snn-deploy build-ops`")
    chosen = instruction_sets(found).chosen
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    discarded = 0
    with progress(quiet=False) as observer:
        for done, seed in enumerate(range(first, first + count)):
            observer(f"networks on {chosen}, {len(wrong)} differ", done, count)
            try:
                counts += check(seed, one_way(seed) if brief else EVERY_WAY)
            except OverflowError:
                discarded += 1
            except DisagreementError as error:
                wrong.append(str(error))
        observer(f"networks on {chosen}, {len(wrong)} differ", count, count)
    lines = [f"{chosen:12} {label:60} {values:16,} values" for label, values in counts.items()]
    lines += wrong[:MOST_SHOWN]
    equal = count - discarded - len(wrong)
    lines.append(f"{chosen:12} {equal} networks equal, {len(wrong)} not, {discarded} left out")
    if wrong:
        raise DisagreementError("\n".join(lines))
    return "\n".join(lines)


def main() -> None:
    """Read the options and fuzz."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000, help="how many networks")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the next is one more")
    parser.add_argument("--isa", default="", help="an instruction set, or all that run here")
    parser.add_argument("--brief", action="store_true", help="run each network one way, not twelve")
    given = parser.parse_args()
    if given.isa:
        again = [sys.executable, "-m", MODULE, "--graphs", f"{given.graphs}"]
        again += ["--seed", f"{given.seed}", *["--brief"] * given.brief]
        names = runnable() if given.isa == "all" else [given.isa]
        codes = [subprocess.run(again, env=told(name), check=False).returncode for name in names]
        sys.exit(max(codes, key=abs, default=0))
    try:
        sys.stdout.write(fuzz(given.seed, given.graphs, brief=given.brief) + "\n")
    except DisagreementError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
