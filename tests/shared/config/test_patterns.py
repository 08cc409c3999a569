"""What an entry of `watch` stands for."""

import pytest
from pydantic import ValidationError

from collectors.github import GitHubSettings
from collectors.gitlab import GitLabSettings
from collectors.jenkins import JenkinsSettings
from shared.config.patterns import Pattern, finder, matches, parse_pattern


@pytest.mark.parametrize(
    ("pattern", "scope"),
    [
        ("acme/*", "acme/web"),
        ("acme/*", "Acme/Web"),
        ("acme/web-*", "acme/web-"),
        ("acme/web-?", "acme/web-2"),
        ("group/**", "group/a/b/c"),
        ("group/**", "group/a"),
        ("group/**/api", "group/api"),
        ("group/**/api", "group/a/b/api"),
        ("/team/**", "team/app"),
        ("/**", "nightly"),
        ("acme/a.b*", "acme/a.b-c"),
    ],
)
def test_a_pattern_stands_for(pattern: str, scope: str) -> None:
    assert matches(pattern, scope)


@pytest.mark.parametrize(
    ("pattern", "scope"),
    [
        ("acme/*", "acme/web/sub"),
        ("acme/*", "acme2/web"),
        ("acme/web-?", "acme/web-12"),
        ("group/**", "group"),
        ("group/**/api", "group/a/apis"),
        ("/*", "team/app"),
        ("acme/a.b*", "acme/axb"),
    ],
)
def test_a_pattern_does_not_stand_for(pattern: str, scope: str) -> None:
    assert not matches(pattern, scope)


@pytest.mark.parametrize(
    ("text", "base", "is_deep"),
    [
        ("acme/*", "acme", False),
        ("acme/web-*", "acme", False),
        ("group/sub/**", "group/sub", True),
        ("group/*/api", "group", True),
        ("/team/**", "team", True),
        ("/*", "", False),
    ],
)
def test_a_pattern_points_where_its_first_glob_begins(text: str, base: str, is_deep: bool) -> None:
    assert parse_pattern(text) == Pattern(text, base, is_deep)


def test_what_is_excluded_belongs_to_no_pattern() -> None:
    patterns, exclusions = ("acme/web-*", "acme/*"), ("acme/archived-*",)

    found = [finder(patterns, exclusions, scope) for scope in ("acme/web-1", "acme/api", "acme/archived-1", "other/x")]

    assert found == ["acme/web-*", "acme/*", None, None]


def test_entries_are_told_apart() -> None:
    settings = GitHubSettings(kind="github", name="github", watch=("acme/web", "acme/*", "!acme/old-*"))

    assert settings.scopes == ("acme/web",)
    assert settings.patterns == ("acme/*",)
    assert settings.exclusions == ("acme/old-*",)
    assert [settings.watches(scope) for scope in ("acme/web", "acme/api", "acme/old-1")] == [True, True, False]


@pytest.mark.parametrize(
    ("settings", "entry", "words"),
    [
        (GitHubSettings, "*", "is no repository"),
        (GitHubSettings, "*/*", "is no repository"),
        (GitHubSettings, "acme/*/x", "is no repository"),
        (GitHubSettings, "acme*/web", "is no repository"),
        (GitLabSettings, "**", "is no project"),
        (GitLabSettings, "gr*up/x", "is no project"),
        (JenkinsSettings, "//*", "is no folder or job"),
        (JenkinsSettings, "job/team/*", "is no folder or job"),
        (JenkinsSettings, "../*", "is no folder or job"),
        (GitHubSettings, "!acme/old-*", "leaves out what a pattern finds, and there is none"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_a_mistake(
    settings: type[GitHubSettings | GitLabSettings | JenkinsSettings], entry: str, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        settings.model_validate({"kind": "x", "name": "x", "base_url": "https://ci.example.com", "watch": (entry,)})
