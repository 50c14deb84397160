"""What is told of tried mutants, and which of them are known to survive."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutants.worker import HANGS, MISSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.mutants.operators import Mutant
    from tests.mutants.targets import Target

#: No test runs the changed line.
NOT_RUN = "not run"
SURVIVED = (MISSED, NOT_RUN)
#: What at least has to be noticed of each part, in per cent.
LEAST = 90
SURVIVORS = Path(__file__).with_name("survivors.toml")


def tell(tried: Mapping[Mutant, str], targets: Iterable[Target], *, whole: bool) -> int:
    """Print what came out; give the exit code."""
    known = tomllib.loads(SURVIVORS.read_text())
    survivors = [mutant for mutant, verdict in tried.items() if verdict in SURVIVED]
    left = Counter(mutant.path for mutant in survivors)
    hanging = sum(verdict == HANGS for verdict in tried.values())
    enough = True
    for target in targets:
        of_files = Counter(mutant.path for mutant in tried if mutant.path.startswith(target.folder + "/"))
        if not of_files:
            continue
        for path, count in of_files.items():
            print(_line(path, count, left[path]))
        all_of_it, missed = of_files.total(), sum(left[path] for path in of_files)
        print(_line(target.name, all_of_it, missed), end="\n\n")
        enough = enough and (all_of_it - missed) * 100 >= LEAST * all_of_it
    new = [mutant for mutant in survivors if mutant.key not in known.get(mutant.path, {})]
    for mutant in survivors:
        reason = known.get(mutant.path, {}).get(mutant.key)
        verdict = tried[mutant] if reason is None else reason
        print(f"{mutant.path}:{mutant.line}: {mutant.key}  [{verdict}]")
    if whole:
        there = {(mutant.path, mutant.key) for mutant in survivors}
        for path, keys in known.items():
            for key in keys:
                if (path, key) not in there:
                    print(f"{SURVIVORS.name} lists what does not survive: {path}: {key}")
    print(f"{len(tried)} mutants, {hanging} noticed by hanging")
    print(f"{len(survivors)} survived, {len(new)} of them without a reason")
    return 0 if enough else 1


def _line(name: str, count: int, missed: int) -> str:
    return f"{name:50} {count - missed:5} of {count:5} noticed  {(count - missed) * 100 / count:5.1f} %"
