"""What the whole stack costs when nothing happens: `observatory up` with the private PostgreSQL, all its processes."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks.figure import Figure

SETTLE_SECONDS = 20
LONGEST_START_SECONDS = 90

_CONFIG = """
[server]
port = {port}
[database]
folder = "{folder}"
"""


def run(port: int) -> list[Figure]:
    """Start the stack in a folder of its own, wait until it is ready and has settled, and add up its memory."""
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        config = Path(parent) / "config.toml"
        config.write_text(_CONFIG.format(port=port, folder=Path(parent) / "data"))
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        command = [sys.executable, "-m", "cli.main", "--config", str(config), "up"]
        stack = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_ready(port)
            time.sleep(SETTLE_SECONDS)
            megabytes = _pss(psutil.Process(stack.pid)) / 1024**2
        finally:
            stack.terminate()
            stack.wait(timeout=30)
    processes = "supervisor, scheduler, API, PostgreSQL; shared pages counted in parts"
    return [Figure(name="idle stack", value=megabytes, unit="MB", bound=350, compared=processes)]


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError("the stack did not get ready")


def _pss(stack: psutil.Process) -> int:
    return sum(int(process.memory_full_info().pss) for process in (stack, *stack.children(recursive=True)))
