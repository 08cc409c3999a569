"""What jobs printed, as text and as the zip of a whole attempt; and the signed links that lead there for a minute."""

import hmac
import io
import zipfile
from datetime import datetime, timedelta
from hashlib import sha256

from simulator.history import Attempt, Job, Run, State, job_state_at

LINK_LIVES = timedelta(minutes=1)


def has_log(job: Job, now: datetime) -> bool:
    """Only jobs that ran and are over have a log."""
    state = job_state_at(job, now)
    return state not in {State.QUEUED, State.RUNNING, State.SKIPPED}


def job_log(run: Run, attempt: Attempt, job: Job) -> str:
    """The log of one finished job: a timestamp on every line, colours, groups, and an error where it failed."""
    at = job.started_at or job.created_at
    lines = [
        "##[group]Runner Image",
        "Image: ubuntu-24.04",
        "##[endgroup]",
        f"Syncing repository: {run.repository.full_name_at(at)}",
        f"HEAD is now at {run.commit.sha[:7]} {run.title}",
        f"\x1b[36;1mmake {job.name}\x1b[0m",
        *(f"test_{number:03d} \x1b[32mok\x1b[0m" for number in range(job.id % 37 + 3)),
    ]
    if job.verdict is State.FAILED:
        lines += [f"test_{job.id % 100:03d} \x1b[31mFAILED\x1b[0m", "##[error]Process completed with exit code 1."]
    if job.verdict is State.CANCELLED:
        lines.append("##[error]The operation was canceled.")
    if job.verdict is State.TIMED_OUT:
        lines.append("##[error]The job has exceeded the maximum execution time.")
    lines.append(f"Cleaning up after attempt {attempt.number}")
    stamps = (at + timedelta(milliseconds=137 * number) for number in range(len(lines)))
    return "".join(f"{when:%Y-%m-%dT%H:%M:%S.%f}0Z {line}\n" for when, line in zip(stamps, lines, strict=True))


def attempt_zip(run: Run, attempt: Attempt, now: datetime) -> bytes:
    """The logs of an attempt's finished jobs, one text file each; the same moment gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, job in enumerate(job for job in attempt.jobs if has_log(job, now)):
            name = f"{number}_{job.name.replace('/', '')}.txt"
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), job_log(run, attempt, job))
    return buffer.getvalue()


def sign(secret: bytes, path: str, now: datetime) -> str:
    """A path with an expiry and a signature."""
    expires = int((now + LINK_LIVES).timestamp())
    return f"{path}?urlExpires={expires}&urlSigningMethod=HMACV1&urlSignature={_signature(secret, path, str(expires))}"


def is_signed(secret: bytes, path: str, query: dict[str, str], now: datetime) -> bool:
    """Whether a link was signed by us and still lives."""
    expires = query.get("urlExpires", "")
    given = query.get("urlSignature", "")
    is_ours = hmac.compare_digest(given.encode(), _signature(secret, path, expires).encode())
    return is_ours and expires.isdigit() and now.timestamp() <= int(expires)


def _signature(secret: bytes, path: str, expires: str) -> str:
    return hmac.new(secret, f"{path} {expires}".encode(), sha256).hexdigest()
