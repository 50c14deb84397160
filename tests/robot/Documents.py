"""Robot keywords for the examples in the documentation: every `sh` block, as a reader would paste it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final, NamedTuple

from robot.api import logger
from robot.api.deco import keyword, library

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = frozenset({"sh", "text", "json", "csv", "cron", "powershell"})
"""What a block may be called. Only `sh` is run; the others are what a command prints or a file holds."""
NOT_RUN: Final = {
    "scripts/demo": "the node that these suites run on is made by the same code",
    "scripts/test": "runs these suites",
    "./test-module.sh": "runs these suites",
}
"""First word of a command that is not run, and why."""
ELSEWHERE: Final = {'"source": "office"': "signs in at Microsoft 365, which no test reaches"}
"""Part of commands that are not run, and why."""
FENCE: Final = re.compile(r"(?P<indent> *)```(?P<language>\S*)$")
INDENTED_CODE: Final = re.compile(r"\n\n {4,}(?![-*\d])\S")


class Example(NamedTuple):
    """Commands that a blank line ends, and where they stand."""

    document: str
    line: int
    text: str


def blocks(document: str) -> list[tuple[str, int, str]]:
    """Give (language, line number of its first line, text) of each fenced block."""
    found = []
    language, start, indent = "", 0, 0
    body: list[str] = []
    for number, line in enumerate((ROOT / document).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if fence is None:
            body.append(line[indent:])
        elif start:
            found.append((language, start, "\n".join(body)))
            start = 0
        else:
            language, start, indent, body = fence["language"], number + 1, len(fence["indent"]), []
    if start:
        raise AssertionError(f"{document}:{start - 1}: a block without end")
    return found


def examples(document: str) -> list[Example]:
    """Give the commands of each `sh` block. AssertionError for a block of an unknown kind."""
    outside = re.sub(r"(?ms)^ *```.*?^ *```$", "", (ROOT / document).read_text())
    if hidden := INDENTED_CODE.search(outside):
        raise AssertionError(f"{document}: a block without fences: {hidden[0].strip()!r}…")
    found = []
    for language, start, text in blocks(document):
        if language not in LANGUAGES:
            raise AssertionError(f"{document}:{start - 1}: a block of the unknown kind {language!r}")
        if language == "sh":
            line = start
            for part in text.split("\n\n"):
                found.append(Example(document, line, part.strip("\n")))
                line += part.count("\n") + 2
    return found


@library(scope="GLOBAL", auto_keywords=False)
class Documents:
    """The documents' commands. Only names of hosts, users' files and the instance's own ids are replaced."""

    @keyword("Examples of")
    def examples_of(self, document: str) -> list[Example]:
        """Give the commands to run, in the document's order; those that remove the instance come last."""
        found = []
        for example in examples(document):
            reason = NOT_RUN.get(example.text.split()[0]) or next(
                (why for part, why in ELSEWHERE.items() if part in example.text), None
            )
            if reason:
                logger.info(f"{document}:{example.line} is not run: {reason}")
            else:
                found.append(example)
        return sorted(found, key=lambda example: example.text.startswith("remove-module"))

    @keyword("With replacements")
    def replaced(self, text: str, replacements: dict[str, str]) -> str:
        """Give the text with whole words replaced."""
        words = "|".join(map(re.escape, replacements))
        return re.sub(rf"(?<![\w.-])(?:{words})(?![\w-])", lambda found: replacements[found[0]], text)

    @keyword("Instance of")
    def instance_of(self, output: str) -> str | None:
        """Give the id of the instance that add-module told in its first line; None when there is none."""
        first = output.partition("\n")[0]
        return str(ast.literal_eval(first)["module_id"]) if first.startswith("{'module_id'") else None

    @keyword("Run here in a fresh checkout")
    def run_here(self, text: str, password: str) -> str:
        """Run commands in a copy of the sources with a Python of its own; give what they print."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / part, folder)
            for part in ("src", "share"):
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.egg-info"))
            for side in ("old", "new"):
                (folder / f"anna.{side}").write_text(password if side == "new" else "password")
                (folder / f"anna.{side}").chmod(0o600)
            venv.create(folder / "venv", with_pip=True)
            environment = os.environ | {
                "PATH": f"{folder}/venv/bin:{os.environ['PATH']}",
                "HOME": name,
                "VIRTUAL_ENV": f"{folder}/venv",
            }
            done = subprocess.run(
                ["bash", "-e", "-c", text],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise AssertionError(f"exit code {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout


def main() -> int:
    """Print the examples of the documents that are named."""
    for document in sys.argv[1:]:
        for example in examples(document):
            sys.stdout.write(f"{example.document}:{example.line}\n{example.text}\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
