"""The stories a GitLab pipeline can have: from a tale and a pace to jobs with their whole lives."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from simulator.fates import Pace, Span
from simulator.gitlab.history import LAG, Job, Phase

JOBS_A_PIPELINE = 100
_MOMENT = timedelta(milliseconds=37)


class Tale(StrEnum):
    """What becomes of a pipeline."""

    PASSES = "passes"
    FAILS = "fails"
    PASSES_WITH_WARNINGS = "passes_with_warnings"
    CANCELED = "canceled"
    CANCELED_BEFORE_START = "canceled_before_start"
    SKIPPED = "skipped"
    CONFIG_ERROR = "config_error"
    RETRIED_PASSES = "retried_passes"
    RETRIED_FAILS = "retried_fails"
    RETRIED_TWICE = "retried_twice"
    RETRIED_LATE = "retried_late"
    AUTO_RETRIED = "auto_retried"
    RETRIED_MEANWHILE = "retried_meanwhile"
    WAITS_FOR_A_PERSON = "waits_for_a_person"
    PLAYED = "played"
    PLAYED_LATER = "played_later"
    DELAYED = "delayed"
    TIMES_OUT = "times_out"
    STUCK = "stuck"
    PARENT = "parent"
    UPSTREAM = "upstream"


LATE = frozenset({Tale.RETRIED_LATE})


@dataclass(frozen=True, slots=True)
class Told:
    """A pipeline's jobs, when its later attempts began, and when something was started downstream."""

    jobs: tuple[Job, ...] = ()
    openings: tuple[datetime, ...] = ()
    starts_downstream_at: datetime | None = None


@dataclass(slots=True)
class Teller:
    """Everything one pipeline's story is told from; job ids go up as jobs are made."""

    rng: Random
    pace: Pace
    pipeline_id: int
    created_at: datetime
    made: int = field(default=0)

    def span(self, span: Span) -> timedelta:
        """A duration drawn from a span of seconds, never of whole ones."""
        return timedelta(seconds=self.rng.randint(*span), milliseconds=self.rng.randint(20, 900))

    def job(self, name: str, stage: str, *phases: Phase, **more: object) -> Job:
        """A job with the next id."""
        self.made += 1
        runner = self.rng.randint(1, 40)
        job = Job(self.pipeline_id * JOBS_A_PIPELINE + self.made, name, stage, phases, runner=runner)
        return replace(job, **more)  # type: ignore[arg-type]

    def run(
        self, name: str, stage: str, at: datetime, verdict: str, *, ready: datetime | None = None, **more: object
    ) -> Job:
        """A job made at `at` that waits for a runner from `ready` on, runs and ends."""
        enqueued_at = (ready or at) + _MOMENT
        started_at = enqueued_at + self.span(self.pace.queue)
        ended_at = started_at + self.span(self.pace.job)
        phases = [Phase(enqueued_at, "pending"), Phase(started_at, "running"), Phase(ended_at, verdict)]
        return self.job(name, stage, Phase(at, "created"), *phases, **more)


def tell(teller: Teller, tale: Tale) -> Told:
    """All the jobs a pipeline of this tale will ever have."""
    return _TALES[tale](teller)


def _end(*jobs: Job) -> datetime:
    return max(job.phases[-1].at for job in jobs)


def _tests(teller: Teller, verdict: str) -> tuple[Job, Job]:
    at = teller.created_at + _MOMENT
    return teller.run("lint", "test", at, "success"), teller.run("unit", "test", at, verdict)


def _passes(teller: Teller) -> Told:
    lint, unit = _tests(teller, "success")
    deploy = teller.run("package", "build", lint.created_at, "success", ready=_end(lint, unit) + LAG)
    return Told((lint, unit, deploy))


def _fails(teller: Teller) -> Told:
    lint, unit = _tests(teller, "failed")
    return Told((lint, unit, _skipped_job(teller, lint.created_at, _end(lint, unit))))


def _skipped_job(teller: Teller, at: datetime, ended_at: datetime) -> Job:
    return teller.job("package", "build", Phase(at, "created"), Phase(ended_at + _MOMENT, "skipped"))


def _passes_with_warnings(teller: Teller) -> Told:
    lint, unit = _tests(teller, "success")
    audit = teller.run("audit", "test", lint.created_at, "failed", is_failure_allowed=True)
    return Told((lint, unit, audit))


def _canceled(teller: Teller) -> Told:
    lint, unit = _tests(teller, "success")
    at = unit.phases[2].at + (unit.phases[3].at - unit.phases[2].at) / 2
    package = teller.job("package", "build", Phase(lint.created_at, "created"), Phase(at + _MOMENT, "canceled"))
    return Told((_cut(lint, at), _cut(unit, at), package))


def _cut(job: Job, at: datetime) -> Job:
    """The job, canceled at an instant unless it had ended by then."""
    if job.phases[-1].at <= at:
        return job
    return replace(job, phases=(*(phase for phase in job.phases if phase.at < at), Phase(at, "canceled")))


def _canceled_before_start(teller: Teller) -> Told:
    at = teller.created_at + _MOMENT
    canceled_at = at + teller.span(teller.pace.job)
    phases = (Phase(at, "created"), Phase(at + _MOMENT, "pending"), Phase(canceled_at, "canceled"))
    return Told((teller.job("lint", "test", *phases), teller.job("unit", "test", *phases)))


def _skipped(teller: Teller) -> Told:
    phases = (Phase(teller.created_at, "skipped"),)
    return Told((teller.job("lint", "test", *phases), teller.job("unit", "test", *phases)))


def _retried(*verdicts: str, is_late: bool = False) -> Callable[[Teller], Told]:
    """A failure, then one retry of what failed a verdict, each when the pipeline before was over."""

    def story(teller: Teller) -> Told:
        told = _fails(teller)
        for number, verdict in enumerate(verdicts, 2):
            span = teller.pace.late_rerun_after if is_late else teller.pace.rerun_after
            told = _again(teller, told, number, verdict, teller.span(span))
        return told

    return story


def _again(teller: Teller, told: Told, number: int, verdict: str, after: timedelta) -> Told:
    """The failed test once more, under a new id; the job that was skipped comes back to life under its old one."""
    *jobs, package = told.jobs
    at = _end(*told.jobs) + LAG + timedelta(seconds=1.5) + after
    unit = teller.run("unit", "test", at, verdict, attempt=number)
    revived = Phase(at + _MOMENT, "created")
    if verdict == "success":
        run = teller.run("package", "build", at, "success", ready=_end(unit) + LAG)
        package = replace(package, phases=(*package.phases, revived, *run.phases[1:]), attempt=number)
    else:
        ended = Phase(_end(unit) + _MOMENT, "skipped")
        package = replace(package, phases=(*package.phases, revived, ended), attempt=number)
    return Told((*jobs, unit, package), (*told.openings, at))


def _auto_retried(teller: Teller) -> Told:
    """`retry: 1`: GitLab makes the next job in the moment of the failure, alone as it may be."""
    at = teller.created_at + _MOMENT
    first = teller.run("flaky", "test", at, "failed")
    return Told((first, teller.run("flaky", "test", _end(first) + _MOMENT, "success")))


def _retried_meanwhile(teller: Teller) -> Told:
    """Somebody retries a failed job while another one still runs: that is no new attempt."""
    at = teller.created_at + _MOMENT
    first = teller.run("unit", "test", at, "failed")
    retried_at = _end(first) + timedelta(seconds=1.2)
    second = teller.run("unit", "test", retried_at, "success")
    slow = teller.run("browser", "test", at, "success")
    ended = Phase(max(_end(slow), retried_at + timedelta(seconds=1)), "success")
    return Told((first, second, replace(slow, phases=(*slow.phases[:-1], ended))))


def _gate(teller: Teller, played_after: timedelta | None, *, is_optional: bool) -> Told:
    """Tests, then a job that a person has to play."""
    lint, unit = _tests(teller, "success")
    ready_at = _end(lint, unit) + LAG
    waits = (Phase(lint.created_at, "created"), Phase(ready_at, "manual"))
    gate = teller.job("deploy", "deploy", *waits, is_failure_allowed=is_optional)
    if played_after is not None:
        run = teller.run("deploy", "deploy", ready_at, "success", ready=ready_at + LAG + played_after)
        gate = replace(gate, phases=(*waits, *run.phases[1:]))
    return Told((lint, unit, gate))


def _delayed(teller: Teller) -> Told:
    lint, unit = _tests(teller, "success")
    ready_at = _end(lint, unit) + LAG
    run = teller.run("roll out", "deploy", lint.created_at, "success", ready=ready_at + teller.span(teller.pace.job))
    return Told((lint, unit, replace(run, phases=(run.phases[0], Phase(ready_at, "scheduled"), *run.phases[1:]))))


def _times_out(teller: Teller) -> Told:
    lint, unit = _tests(teller, "failed")
    return Told((lint, replace(unit, failure_reason="job_execution_timeout")))


def _stuck(teller: Teller) -> Told:
    """No runner ever came: failed without a start."""
    at = teller.created_at + _MOMENT
    given_up_at = at + teller.span(teller.pace.stale_after)
    phases = (Phase(at, "created"), Phase(at + _MOMENT, "pending"), Phase(given_up_at, "failed"))
    return Told((teller.job("arm", "test", *phases, failure_reason="stuck_or_timeout_failure"),))


def _starts(name: str) -> Callable[[Teller], Told]:
    """Tests, then a bridge that starts another pipeline and does not wait for it."""

    def story(teller: Teller) -> Told:
        lint, unit = _tests(teller, "success")
        at = _end(lint, unit) + LAG
        phases = (Phase(at, "pending"), Phase(at + _MOMENT, "running"), Phase(at + 4 * _MOMENT, "success"))
        downstream = teller.pipeline_id + 1
        bridge = teller.job(name, "trigger", Phase(lint.created_at, "created"), *phases, downstream=downstream)
        return Told((lint, unit, bridge), starts_downstream_at=at + 3 * _MOMENT)

    return story


_TALES: dict[Tale, Callable[[Teller], Told]] = {
    Tale.PASSES: _passes,
    Tale.FAILS: _fails,
    Tale.PASSES_WITH_WARNINGS: _passes_with_warnings,
    Tale.CANCELED: _canceled,
    Tale.CANCELED_BEFORE_START: _canceled_before_start,
    Tale.SKIPPED: _skipped,
    Tale.CONFIG_ERROR: lambda _: Told(),
    Tale.RETRIED_PASSES: _retried("success"),
    Tale.RETRIED_FAILS: _retried("failed"),
    Tale.RETRIED_TWICE: _retried("failed", "success"),
    Tale.RETRIED_LATE: _retried("success", is_late=True),
    Tale.AUTO_RETRIED: _auto_retried,
    Tale.RETRIED_MEANWHILE: _retried_meanwhile,
    Tale.WAITS_FOR_A_PERSON: lambda teller: _gate(teller, None, is_optional=False),
    Tale.PLAYED: lambda teller: _gate(teller, teller.span(teller.pace.rerun_after), is_optional=False),
    Tale.PLAYED_LATER: lambda teller: _gate(teller, teller.span(teller.pace.rerun_after), is_optional=True),
    Tale.DELAYED: _delayed,
    Tale.TIMES_OUT: _times_out,
    Tale.STUCK: _stuck,
    Tale.PARENT: _starts("child"),
    Tale.UPSTREAM: _starts("deploy elsewhere"),
}
