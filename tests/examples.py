"""The examples of the documents, as they are printed, and the variables that a reader is told to set first."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PRINTED_ADDRESS, PRINTED_TOKEN = "https://chat.example", "hc_…"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_SECONDS = 60


@dataclass(frozen=True)
class Block:
    """A fenced block. heading: what it stands below.  line: of the document, where its first line is."""

    document: str
    heading: str
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.heading}, {self.language})"


def blocks_of(document: str, *languages: str) -> list[Block]:
    """Return the fenced blocks of a document in their order; those in `languages`, where some are named."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return [
        Block(
            document,
            _heading_above(text, found.start()),
            found[1],
            found[2],
            text.count("\n", 0, found.start(2)) + 1,
        )
        for found in FENCED.finditer(text)
        if not languages or found[1] in languages
    ]


def variables_set_by(block: Block, *, url: str, token: str) -> dict[str, str]:
    """Run a block in which readers fill in their address and token; return both as it leaves them behind."""
    assert PRINTED_ADDRESS in block.text
    assert PRINTED_TOKEN in block.text
    filled_in = block.text.replace(PRINTED_ADDRESS, url).replace(PRINTED_TOKEN, token)
    done = subprocess.run(
        ["bash", "-ec", f"{filled_in}\nenv -0"],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=True,
    )
    pairs = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)
    return {name: pairs[name] for name in ("HOMECHAT", "TOKEN")}


def _heading_above(text: str, place: int) -> str:
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text[:place]), re.MULTILINE)
    return str(headings[-1]) if headings else ""


class Interpreter:
    """A shell or a Python that runs one block after the other and keeps what they define, as a reader's terminal does.

    start: what is run.  frame: a block as it is handed over, so that it ends with a line of MARK and an exit code.
    """

    def __init__(
        self, start: list[str], frame: Callable[[str], str], *, cwd: Path, env: Mapping[str, str]
    ) -> None:
        self._frame = frame
        self._errors = cwd / f"errors-of-{Path(start[0]).name}.txt"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                start,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, text: str) -> str:
        """Run a block and return what it has written. Fails where it does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self._frame(text))
        self._process.stdin.flush()
        written = ""
        for line in self._process.stdout:
            if line.startswith(MARK):
                assert line.split()[1] == "0", f"{text}\n{written}\n{self._errors.read_text()}"
                return written
            written += line
        raise AssertionError(f"it ended:\n{text}\n{written}\n{self._errors.read_text()}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def shell(*, cwd: Path, env: Mapping[str, str]) -> Interpreter:
    """Return a bash. A block fails when its last command does, in a pipe any of them."""
    start = [
        "bash",
        "--norc",
        "-c",
        "set -o pipefail; exec 3<&0; while read -r -d '' block <&3; do eval \"$block\"; done",
    ]
    return Interpreter(start, lambda text: f"{text}\nprintf '\\n{MARK} %s\\n' \"$?\"\0", cwd=cwd, env=env)


def python(*, cwd: Path, env: Mapping[str, str]) -> Interpreter:
    """Return a Python. A block fails when it raises."""
    return Interpreter(
        [sys.executable, "-c", PYTHON_LOOP], lambda text: f"{len(text)}\n{text}", cwd=cwd, env=env
    )


MARK = "---the-block-has-ended---"
PYTHON_LOOP = f"""
import sys, traceback
names = {{"__name__": "__main__"}}
while size := sys.stdin.readline():
    try:
        exec(compile(sys.stdin.read(int(size)), "<example>", "exec"), names)
        code = 0
    except Exception:
        traceback.print_exc()
        code = 1
    print("\\n{MARK}", code, flush=True)
"""


# What answers look like

LEFT_OUT = "…"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z")


def differences(printed: Any, real: Any, where: str = "the answer") -> list[str]:
    """Return in what an answer is not as it is printed.

    "…" stands for any text within a text, and among the keys or items for others. Ids, sizes and times may be others.
    """
    if isinstance(printed, dict) and isinstance(real, dict):
        missing = [f"{where} has no {key!r}" for key in printed if key != LEFT_OUT and key not in real]
        more = [f"{where} has {key!r}, too" for key in real if key not in printed and LEFT_OUT not in printed]
        inner = [differences(printed[key], real[key], f"{where}.{key}") for key in printed if key in real]
        return [*missing, *more, *itertools.chain(*inner)]
    if isinstance(printed, list) and isinstance(real, list):
        shown = [item for item in printed if item != LEFT_OUT]
        if len(real) < len(shown) or (len(real) != len(shown) and LEFT_OUT not in printed):
            return [f"{where} has {len(real)} items"]
        return list(itertools.chain(*(differences(*pair, where) for pair in zip(shown, real, strict=False))))
    is_other = type(printed) is not type(real) or not _means_the_same(printed, real, where)
    return [f"{where} is {real!r}, not {printed!r}"] if is_other else []


def _means_the_same(printed: Any, real: Any, where: str) -> bool:
    if isinstance(printed, str):
        if MOMENT.fullmatch(printed):
            return MOMENT.fullmatch(real) is not None
        return re.fullmatch(re.escape(printed).replace(LEFT_OUT, ".*"), real, re.DOTALL) is not None
    if isinstance(printed, int) and not isinstance(printed, bool):
        return printed == real or re.search(r"(?:\.|_)(?:id|size|index|after)$", where) is not None
    return bool(printed == real)
