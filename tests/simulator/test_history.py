"""The worlds: the same seed tells the same, every story appears, and an instant is only read."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from simulator.history import OPEN, Run, State, attempts_at, finish_of, job_state_at, jobs_at, phase_at, state_at
from simulator.profiles import PROFILES, make_profile
from simulator.world import World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def runs_of(world: World, now: datetime) -> list[Run]:
    return [world.run_in(each, slot) for each in world.repositories for slot in world.slots(each, now)]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_seed_tells_the_same_world_in_any_order(profile: str) -> None:
    now = NOON + timedelta(seconds=50)
    forwards = runs_of(World(7, make_profile(profile), NOON), now)
    other = World(7, make_profile(profile), NOON)

    backwards = [other.run(run.id, now) for run in reversed(forwards)]

    assert backwards[::-1] == forwards
    assert forwards
    others = runs_of(World(8, make_profile(profile), NOON), now)
    assert [run.commit.sha for run in others] != [run.commit.sha for run in forwards]


def test_the_varied_world_has_every_state_a_run_can_end_or_stick_in() -> None:
    world = World(7, make_profile("varied"), NOON)

    finals = {attempt.final.state for run in runs_of(world, NOON) for attempt in run.attempts}

    assert finals == set(State) - {State.REQUESTED, State.PENDING, State.GATED}


def test_runs_weeks_old_are_rerun_and_the_varied_world_goes_on_after_its_epoch() -> None:
    world = World(7, make_profile("varied"), NOON)
    runs = runs_of(world, NOON)

    gaps = [b.created_at - a.created_at for run in runs for a, b in pairwise(run.attempts)]

    assert max(gaps) > timedelta(days=20)
    assert any(attempt.created_at > NOON for run in runs for attempt in run.attempts)
    assert len(runs_of(world, NOON + timedelta(days=2))) > len(runs)


@pytest.mark.parametrize("profile", ["varied", "drill"])
def test_every_attempt_keeps_the_order_of_time(profile: str) -> None:
    world = World(3, make_profile(profile), NOON)

    for run in runs_of(world, NOON + timedelta(days=400)):
        assert [attempt.number for attempt in run.attempts] == list(range(1, len(run.attempts) + 1))
        assert all(a.final.at <= b.created_at for a, b in pairwise(run.attempts))
        for attempt in run.attempts:
            assert all(a.at <= b.at for a, b in pairwise(attempt.phases))
            assert all(phase.at.microsecond == 0 for phase in attempt.phases)
            closed = [phase.at for phase in attempt.phases if phase.state not in OPEN]
            ends = [job.finished_at for job in attempt.jobs if job.finished_at is not None]
            assert not closed or max(ends, default=closed[0]) <= closed[0], run


def test_a_state_is_a_function_of_the_instant_alone() -> None:
    world = World(7, make_profile("varied"), NOON)
    run = next(run for run in runs_of(world, NOON) if len(run.attempts) == 2 and run.attempts[0].jobs)
    first, second = run.attempts

    assert state_at(run, run.created_at - timedelta(seconds=1)) is None
    assert state_at(run, run.created_at) == (first, first.phases[0])
    assert state_at(run, second.created_at - timedelta(seconds=1)) == (first, first.final)
    assert state_at(run, second.final.at) == (second, second.final)
    assert attempts_at(run, second.created_at) == (first, second)
    assert finish_of(first, first.phases[1].at) is None
    assert finish_of(first, first.final.at) == max(job.finished_at for job in first.jobs if job.finished_at)


def test_rerunning_failed_jobs_leaves_the_passed_ones_with_their_old_times() -> None:
    world = World(7, make_profile("varied"), NOON)
    carried = [
        (before, job)
        for run in runs_of(world, NOON)
        for a, b in pairwise(run.attempts)
        for job in b.jobs
        for before in a.jobs
        if before.name == job.name and before.finished_at == job.finished_at and job.verdict is State.PASSED
    ]

    assert carried
    assert all(before.id != job.id and before.started_at == job.started_at for before, job in carried)


def test_later_jobs_appear_when_the_earlier_ones_are_done() -> None:
    world = World(7, make_profile("varied"), NOON)
    attempt = next(
        run.attempts[0]
        for run in runs_of(world, NOON)
        if run.workflow.last_jobs and run.attempts[0].final.state is State.PASSED
    )
    ready_at = attempt.jobs[-1].created_at

    early, late = (jobs_at(attempt, at) for at in (ready_at - timedelta(seconds=1), ready_at))

    assert late == attempt.jobs
    assert early == tuple(job for job in attempt.jobs if job.created_at < ready_at)
    assert 0 < len(early) < len(late)


def test_a_run_is_found_by_its_id_only_once_it_exists() -> None:
    world = World(7, make_profile("varied"), NOON)
    newest = world.run_in(world.repositories[0], world.slots(world.repositories[0], NOON)[0])

    assert newest.id > 2**32
    assert world.run(newest.id, NOON) == newest
    assert world.run(newest.id, newest.created_at - timedelta(seconds=1)) is None
    assert world.run(newest.id + 15, NOON) is None
    assert world.run(5, NOON) is None


def test_a_drill_has_the_asked_number_of_runs_and_ends() -> None:
    world = World(7, make_profile("drill", runs=90, seconds=10), NOON)
    ends_at = world.ends_at
    assert ends_at is not None

    runs = runs_of(world, ends_at)

    assert len(runs) == 90
    assert max(run.created_at for run in runs) <= NOON + timedelta(seconds=10)
    assert ends_at < NOON + timedelta(seconds=90)
    assert all(phase_at(run.attempts[-1], ends_at).state not in OPEN for run in runs)
    assert len({attempt.final.state for run in runs for attempt in run.attempts}) >= 8


def test_the_demo_breaks_and_fixes_its_main_pipeline_about_every_minute_for_ever() -> None:
    world = World(7, make_profile("demo"), NOON)
    repository = world.repositories[0]

    main = [
        run
        for run in reversed([world.run_in(repository, slot) for slot in world.slots(repository, NOON)])
        if run.branch == "main" and run.workflow.path.endswith("ci.yml")
    ]

    verdicts = [run.attempts[-1].final.state for run in main]
    assert Counter(verdicts).keys() == {State.PASSED, State.FAILED}
    assert all(a is not b for a, b in pairwise(verdicts))
    assert 25 <= verdicts.count(State.FAILED) <= 35  # half an hour is there at once
    assert all(a.attempts[-1].final.at <= b.created_at for a, b in pairwise(main))
    assert world.ends_at is None
    assert world.slots(repository, NOON + timedelta(days=3))


def test_the_demo_shows_something_running_at_any_moment() -> None:
    world = World(7, make_profile("demo"), NOON)

    for seconds in range(0, 3600, 97):
        now = NOON + timedelta(seconds=seconds)
        states = [found[1].state for run in runs_of(world, now) if (found := state_at(run, now))]
        assert any(state in OPEN for state in states)
        assert len(states) < 700


def test_a_job_waits_runs_and_ends() -> None:
    world = World(7, make_profile("varied"), NOON)
    job = next(job for run in runs_of(world, NOON) for job in run.attempts[0].jobs if job.verdict is State.FAILED)
    assert job.started_at is not None
    assert job.finished_at is not None

    instants = (job.started_at - timedelta(seconds=1), job.started_at, job.finished_at)

    assert [job_state_at(job, at) for at in instants] == [State.QUEUED, State.RUNNING, State.FAILED]
