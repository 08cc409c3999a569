"""The front of the fake GitHub: who asks, with which budget, under which name, and whether they know the answer."""

import re
from datetime import datetime
from urllib.parse import unquote

from simulator import corpus
from simulator.budget import Budget, Standing
from simulator.exchange import Answer, Request, json_answer
from simulator.faults import Fault
from simulator.github import answers, lists, payloads
from simulator.github.app import REQUESTS_AN_HOUR, Apps
from simulator.github.estate import Estate
from simulator.github.payloads import View
from simulator.github.poison import spoil
from simulator.github.refusals import refusal
from simulator.github.resources import ROUTES, Call, GitHubSettings, Resources
from simulator.history import Repository
from simulator.world import World


class GitHub:
    """The API of one fake GitHub."""

    name = "github"

    def __init__(self, world: World, settings: GitHubSettings, base: str, downloads: str) -> None:
        self.world = world
        self.settings = settings
        self.budget = Budget()
        self.estate = Estate(world)
        self.apps = Apps()
        self.resources = Resources(world, settings, base, downloads)
        self._base = base

    def answer(self, request: Request, now: datetime) -> Answer:
        """What GitHub says to this request at this instant."""
        credential = request.credential
        headers = answers.common_headers(request, now, is_private=credential is not None)
        if "user-agent" not in request.headers:
            return _dressed(answers.error(403, "Request forbidden by administrative rules: no User-Agent."), headers)
        if request.headers.get("x-github-api-version", answers.API_VERSIONS[0]) not in answers.API_VERSIONS:
            return _dressed(answers.error(400, "This is not a version of the API.", "/about-the-rest-api"), headers)
        if request.path.startswith("/app/"):
            return _dressed(self.apps.answer(request, now), headers)
        is_known = credential in self.settings.tokens or self.apps.installation_of(credential, now) is not None
        if credential is not None and not is_known:
            return _dressed(answers.bad_credentials(), headers)
        call = Call(request, View(self._base, now), is_authorised=credential is not None)
        return self._charged(call, self._tagged(call, self._routed(call)), headers)

    def refusal(self, fault: Fault, _request: Request, now: datetime) -> Answer:
        """GitHub's own form of a limit or an error."""
        return refusal(fault, now)

    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        """The answer with something in it that GitHub should never send."""
        return spoil(answer, fault)

    def standing(self, credential: str | None, now: datetime, cost: int) -> Standing:
        """A credential's budget after `cost` more requests; all tokens of one installation share theirs."""
        if (installation := self.apps.installation_of(credential, now)) is not None:
            return self.budget.spend(f"installation {installation.id}", REQUESTS_AN_HOUR, now, cost)
        limit = self.settings.anonymous_limit if credential is None else self.settings.tokens.get(credential, 0)
        return self.budget.spend(credential or "anonymous", limit, now, cost)

    def _charged(self, call: Call, answer: Answer, headers: dict[str, str]) -> Answer:
        """The answer with the budget it leaves, or the refusal when there is none left.

        A 304 to a valid token is free, as is asking for the budget itself.
        """
        is_free = call.request.path == "/rate_limit" or (answer.status == 304 and call.is_authorised)
        standing = self.standing(call.request.credential, call.now, 0 if is_free else 1)
        if standing.is_exceeded:
            answer = answers.primary_limit("user ID 4100011" if call.is_authorised else "127.0.0.1")
        return _dressed(answer, headers | answers.limit_headers(standing))

    def _tagged(self, call: Call, answer: Answer) -> Answer:
        if answer.status != 200:
            return answer
        tag = answers.entity_tag(answer.body, call.request.credential)
        if answers.is_known_tag(call.request, tag):
            return Answer(304, {"ETag": tag})
        return answer.with_headers(ETag=tag)

    def _routed(self, call: Call) -> Answer:
        path, method = call.request.path, call.request.method
        if method == "GET" and path in {"/user", "/rate_limit"}:
            return self._user(call) if path == "/user" else self._rate_limit(call)
        if match := re.fullmatch(r"/repos/([^/]+)/([^/]+)(/.*)?", path):
            return self._named(call, unquote(match[1]), unquote(match[2]), match[3] or "")
        if method == "GET" and (match := re.fullmatch(r"/(orgs|users|organizations|user)/([^/]+)/repos", path)):
            return self._owned(call, match[1], unquote(match[2]))
        if match := re.fullmatch(r"/repositories/(\d+)(/.*)?", path):
            found = next((each for each in self.estate.repositories if str(each.id) == match[1]), None)
            return self._below(call, found, match[2] or "")
        if method == "GET" and (match := re.fullmatch(r"/[^/]+/[^/]+/actions/runs/(\d+)(/job/\d+)?", path)):
            return self.resources.web_page(call, int(match[1]))
        return answers.not_found("")

    def _named(self, call: Call, owner: str, name: str, rest: str) -> Answer:
        """A repository by name: names ignore case, and an old name leads to the numeric address."""
        for repository in self.estate.repositories:
            if repository.owner.lower() != owner.lower():
                continue
            if repository.name_at(call.now).lower() == name.lower():
                return self._below(call, repository, rest)
            if any(since <= call.now and old.lower() == name.lower() for since, old in repository.names):
                query = call.request.target.partition("?")[2]
                return answers.moved(
                    f"{self._base}/repositories/{repository.id}{rest}" + (f"?{query}" if query else "")
                )
        return answers.not_found("/repos/repos#get-a-repository")

    def _owned(self, call: Call, route: str, key: str) -> Answer:
        """An owner's repositories by age: of an organisation the private ones too, of a user only the public ones."""
        is_organisation = route in ("orgs", "organizations")
        owned = self.estate.owned_by(key if route in ("orgs", "users") else self.estate.owner(key))
        if not owned or (is_organisation and self.estate.is_user(owned[0].owner)):
            return answers.not_found("/repos/repos#list-organization-repositories")
        shows_private = is_organisation and self._may_see(call, owned[0])
        shown = [each for each in owned if shows_private or not each.is_private]
        window = lists.read_window(call.request.query)
        address = f"{self._base}/{'organizations' if is_organisation else 'user'}/{owned[0].owner_id}/repos"
        link = lists.link_header(address, call.request.query, window, len(shown))
        answer = json_answer(200, [payloads.full_repository(call.view, each) for each in shown[window.span]])
        return answer.with_headers(Link=link) if link else answer

    def _below(self, call: Call, repository: Repository | None, rest: str) -> Answer:
        if repository is None or (repository.is_private and not self._may_see(call, repository)):
            return answers.not_found("/repos/repos#get-a-repository")
        for method, pattern, route in ROUTES:
            if call.request.method == method and (match := re.fullmatch(pattern, rest)):
                return route(self.resources, call, repository, *match.groups())
        return answers.not_found("")

    def _may_see(self, call: Call, repository: Repository) -> bool:
        """Whether the credential opens what is private there: an installation's only what its own owner has."""
        installation = self.apps.installation_of(call.request.credential, call.now)
        return call.is_authorised and (installation is None or installation.owner.lower() == repository.owner.lower())

    def _user(self, call: Call) -> Answer:
        if not call.is_authorised:
            return answers.error(401, "Requires authentication", "/users/users#get-the-authenticated-user")
        return json_answer(200, payloads.user(call.view, corpus.PEOPLE[0]))

    def _rate_limit(self, call: Call) -> Answer:
        standing = self.standing(call.request.credential, call.now, 0)
        core = {
            "limit": standing.limit,
            "used": standing.used,
            "remaining": standing.remaining,
            "reset": int(standing.reset_at.timestamp()),
        }
        other = {"limit": 30, "used": 0, "remaining": 30, "reset": int(call.now.timestamp()) + 60}
        return json_answer(200, {"resources": {"core": core, "search": other, "graphql": core}, "rate": core})


def _dressed(answer: Answer, headers: dict[str, str]) -> Answer:
    return Answer(answer.status, headers | answer.headers, answer.body)
