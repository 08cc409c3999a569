"""Has a downloaded log unpacked, masked and compressed by a process with limits, and hears its answer."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from collectors.base import LARGEST_LOG_BYTES, RawLog
from collectors.log_unpacking import WALL_SECONDS, Orders, Unpacked
from shared.errors import MalformedPayload
from shared.log.redaction import known_secrets

MOST_TEXT_BYTES = 64 * 1024 * 1024
"""Of all jobs of one attempt together."""

CPU_SECONDS = 20
"""Twenty megabytes of ordinary text take six."""

_ROOT = Path(__file__).resolve().parent.parent
_SCRIPT = _ROOT / "collectors" / "log_unpacking.py"
# Run by its path: importing the package would import every collector with it.
_START = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_LONGEST_ANSWER_LINE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackedText:
    """One text of a log and what the process told about it."""

    told: Unpacked
    content: bytes


def unpack(
    raw: RawLog, patterns: Iterable[str], *, most_text: int = MOST_TEXT_BYTES, cpu_seconds: int = CPU_SECONDS
) -> tuple[PackedText, ...]:
    """The texts in a downloaded log; raises MalformedPayload, in words, for what is refused or takes too much."""
    orders = Orders(
        form=str(raw.form),
        is_cut=raw.is_cut,
        secrets=sorted(known_secrets()),
        patterns=list(patterns),
        largest_text=min(LARGEST_LOG_BYTES, most_text),
        most_text=most_text,
        cpu_seconds=cpu_seconds,
    )
    raw.file.flush()
    raw.file.seek(0)
    descriptor = raw.file.fileno()
    command = [sys.executable, "-I", "-S", "-c", _START, str(_ROOT), str(_SCRIPT), str(descriptor)]
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with subprocess.Popen(  # noqa: S603 (our own interpreter and our own file)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env=environment,
    ) as process:
        try:
            # Its own alarm rings earlier; this is for a process that does not even get that far.
            answer, _ = process.communicate(json.dumps(asdict(orders)).encode(), timeout=WALL_SECONDS + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            answer = b""
    if process.returncode != 0:
        raise MalformedPayload(
            f"the log could not be read within its limits of time and memory (ended with {process.returncode})"
        )
    return _parse(answer)


def _parse(answer: bytes) -> tuple[PackedText, ...]:
    """What the process answered; it may have been talked into anything, so sizes are checked."""
    line, _, rest = answer.partition(b"\n")
    try:
        said = json.loads(line[:_LONGEST_ANSWER_LINE])
        if "refused" in said:
            raise MalformedPayload(f"the log was refused: {said['refused']}")
        told = [Unpacked(**text) for text in said["texts"]]
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedPayload("the log could not be read; the process that reads it answered nonsense") from error
    if sum(text.packed_bytes for text in told) != len(rest):
        raise MalformedPayload("the log could not be read; the process that reads it broke off")
    texts, start = [], 0
    for text in told:
        texts.append(PackedText(text, rest[start : start + text.packed_bytes]))
        start += text.packed_bytes
    return tuple(texts)
