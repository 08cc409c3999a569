"""The hosts beside the API: where signed links to logs lead, and a host nobody should ever send a credential to."""

from datetime import datetime

from simulator import logs
from simulator.exchange import Answer, Request, json_answer, text_answer
from simulator.faults import Fault
from simulator.world import World


class Downloads:
    """Serves logs to whoever brings a link that was signed within the last minute."""

    name = "downloads"

    def __init__(self, world: World, secret: bytes) -> None:
        self._world = world
        self._secret = secret

    def answer(self, request: Request, now: datetime) -> Answer:
        """A job's text or an attempt's zip; 403 for a link that is not ours or too old."""
        if not logs.is_signed(self._secret, request.path, request.query, now):
            return text_answer(403, "This link is not signed or has expired.")
        _, _, kind, *numbers = request.path.split("/")
        if kind == "jobs":
            return self._job(int(numbers[0]), now)
        return self._attempt(int(numbers[0]), int(numbers[1]), now)

    def _job(self, job_id: int, now: datetime) -> Answer:
        found = self._world.job(job_id, now)
        return text_answer(200, logs.job_log(*found)) if found is not None else text_answer(404, "Not found")

    def _attempt(self, run_id: int, number: int, now: datetime) -> Answer:
        run = self._world.run(run_id, now)
        for attempt in run.attempts if run is not None else ():
            if run is not None and attempt.number == number:
                headers = {"Content-Type": "application/zip"}
                headers["Content-Disposition"] = f"attachment; filename=logs_{run_id}.zip"
                return Answer(200, headers, logs.attempt_zip(run, attempt, now))
        return text_answer(404, "Not found")

    def refusal(self, fault: Fault, _request: Request, now: datetime) -> Answer:
        """A storage host refuses in plain words."""
        return text_answer(fault.status or 503, f"refused at {now.isoformat()}")

    def spoil(self, answer: Answer, _fault: Fault) -> Answer:
        """Logs have no rows that could be spoiled."""
        return answer


class Elsewhere:
    """Another host: it answers everything with an empty list, and its requests show what it was told."""

    name = "elsewhere"

    def answer(self, request: Request, now: datetime) -> Answer:
        """A tempting answer to whatever was asked."""
        answer = json_answer(200, {"total_count": 0, "workflow_runs": [], "jobs": []})
        return answer.with_headers(X_Asked=request.path, X_At=now.isoformat())

    def refusal(self, fault: Fault, _request: Request, now: datetime) -> Answer:
        """It may fail, too."""
        return text_answer(fault.status or 503, f"refused at {now.isoformat()}")

    def spoil(self, answer: Answer, _fault: Fault) -> Answer:
        """Nothing here can be spoiled."""
        return answer
