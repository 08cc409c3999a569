"""A real Buildbot master with its REST API on loopback, installed from its packages into its own folder."""

import os
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving import connects, free_port

VERSION = "4.3.0"
PACKAGES = (f"buildbot=={VERSION}", f"buildbot-www=={VERSION}", "psycopg2-binary")
START_SECONDS = 120

# No worker ever comes: the one that is named satisfies the check of the configuration. Nothing is sent home.
_CONFIGURATION = """
from buildbot.plugins import schedulers, util, worker
BuildmasterConfig = {{
    "workers": [worker.Worker("nobody", "pass")],
    "builders": [util.BuilderConfig(name="idle", workernames=["nobody"], factory=util.BuildFactory())],
    "schedulers": [schedulers.ForceScheduler(name="force", builderNames=["idle"])],
    "protocols": {{"pb": {{"port": "tcp:0:interface=127.0.0.1"}}}},
    "db": {{"db_url": {url!r}}},
    "www": {{"port": "tcp:{port}:interface=127.0.0.1", "plugins": {{}}, "logfileName": None}},
    "buildbotURL": "http://127.0.0.1:{port}/",
    "buildbotNetUsageData": None,
}}
"""


def install(folder: Path) -> Path:
    """The environment's `bin`, made once in the folder. Raises RuntimeError with pip's last words."""
    programs = folder / f"buildbot-{VERSION}" / "bin"
    if not (programs / "installed").exists():
        venv.create(programs.parent, with_pip=True)
        command = [str(programs / "python"), "-m", "pip", "install", "--quiet", *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"pip could not install {PACKAGES}: {done.stderr.strip()[-500:]}")
        (programs / "installed").touch()
    return programs


def create(programs: Path, home: Path, url: str) -> int:
    """A master's folder, and its schema in the empty database at `url` by `upgrade-master`; returns its port."""
    port = free_port()
    subprocess.run([programs / "buildbot", "create-master", "-r", "-q", home], check=True, capture_output=True)
    (home / "master.cfg").write_text(_CONFIGURATION.format(url=url, port=port))
    done = subprocess.run([programs / "buildbot", "upgrade-master", "-q", home], check=False, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"upgrade-master failed: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
    return port


@contextmanager
def running(programs: Path, home: Path, port: int) -> Iterator[None]:
    """The master until the block ends; its REST API listens when the block begins."""
    command = [str(programs / "twistd"), "--nodaemon", "--no_save", "--python=buildbot.tac"]
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=home, stdout=said, stderr=said, env=os.environ | {"TZ": "UTC"})
        try:
            until = time.monotonic() + START_SECONDS
            while not connects("127.0.0.1", port):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"Buildbot did not start: {(home / 'twistd.log').read_text()[-1000:]}")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)
