"""Whose log a label means, and what a refusal means for whoever waits."""

import pytest

from collectors.log_outcome import NeverPrinted, after, job_called
from shared.errors import CredentialRefused, MalformedPayload, NotFound, ProviderError, RateLimited, Unavailable
from shared.log_requests import Claim, State
from tests.factories import NOON

LONG = "integration (ubuntu-24.04, python 3.11, postgres 18, with a very long matrix of everything, and more, 1)"
JOBS = {"1": "test", "2": "build / linux", "3": "twin", "4": "twin", "5": LONG, "6": "build-macos"}


@pytest.mark.parametrize(
    ("label", "job"),
    [
        ("test", "1"),
        ("build  linux", "2"),
        ("twin", None),
        ("build", None),
        ("tes", None),
        ("", None),
        ("///", None),
        (LONG[:90].replace("/", ""), "5"),
        ("somebody else", None),
    ],
)
def test_a_label_means_the_one_job_it_fits(label: str, job: str | None) -> None:
    assert job_called(label, JOBS) == job


def a_claim(*, was_finished: bool = True, hours: float | None = 5) -> Claim:
    return Claim(1, 1, 1, 1, 1, "1000", "100", 1, "github.com", "github", "acme/web", was_finished, hours)


@pytest.mark.parametrize(
    ("error", "claim", "state", "least_wait"),
    [
        (NotFound("x"), a_claim(), State.GONE, 3600),
        (NotFound("x"), a_claim(hours=None), State.GONE, 3600),
        (NotFound("x"), a_claim(hours=0.1), State.FAILED, 30),
        (NotFound("x"), a_claim(was_finished=False, hours=None), State.FAILED, 30),
        (NeverPrinted("x"), a_claim(hours=0.1), State.GONE, 3600),
        (NeverPrinted("x"), a_claim(was_finished=False, hours=None), State.FAILED, 30),
        (RateLimited("x", NOON), a_claim(), State.FAILED, 77),
        (CredentialRefused("x"), a_claim(), State.FAILED, 300),
        (MalformedPayload("x"), a_claim(), State.FAILED, 300),
        (Unavailable("x"), a_claim(), State.FAILED, 15),
    ],
)
def test_a_refusal_says_when_to_ask_again(error: ProviderError, claim: Claim, state: State, least_wait: float) -> None:
    outcome = after(error, claim, 77.0)

    assert (outcome.state, outcome.again_seconds) == (state, least_wait)
    assert outcome.logs == ()
