"""The control route below `/_control`: faults, the clock, and what the simulator knows."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from simulator.exchange import Answer, Request, json_answer
from simulator.faults import FaultKind, parse_fault
from simulator.hooks import parse_hooks

if TYPE_CHECKING:
    from simulator.server import Simulator

PREFIX = "/_control"


def control(simulator: "Simulator", request: Request) -> Answer:
    """What a request to the control route does and says; mistakes are a 400 in words."""
    action = _ACTIONS.get((request.method, request.path.removeprefix(PREFIX).rstrip("/")))
    if action is None:
        routes = [f"{method} {PREFIX}{path}" for method, path in _ACTIONS]
        return json_answer(404, {"error": "no such control route", "routes": routes})
    try:
        return json_answer(200, action(simulator, request))
    except ValueError as error:
        return json_answer(400, {"error": str(error)})


def _content(request: Request) -> dict[str, object]:
    content = orjson.loads(request.body or b"{}")
    if not isinstance(content, dict):
        raise ValueError("the body should be a JSON object")  # noqa: TRY004 - one kind of error means a 400
    return content


def _add_fault(simulator: "Simulator", request: Request) -> object:
    return {"id": simulator.faults.add(parse_fault(_content(request)))}


def _remove_faults(simulator: "Simulator", request: Request) -> object:
    if "id" in request.query:
        return {"removed": simulator.faults.remove(int(request.query["id"]))}
    simulator.faults.clear()
    return {"removed": True}


def _faults(simulator: "Simulator", _request: Request) -> object:
    return {"faults": simulator.faults.report(), "kinds": list(FaultKind)}


def _requests(simulator: "Simulator", request: Request) -> object:
    since = int(request.query.get("since", "0"))
    site = request.query.get("site")
    return {"requests": [each for each in simulator.requests(site) if each.number > since]}


def _forget_requests(simulator: "Simulator", _request: Request) -> object:
    simulator.forget_requests()
    return {"forgotten": True}


def _ledger(simulator: "Simulator", request: Request) -> object:
    is_end = request.query.get("at") == "end"
    ends_at = simulator.world.ends_at
    attempts = simulator.ledger(at_end=is_end, provider=request.query.get("provider", "github"))
    return {"now": simulator.clock.now(), "ends_at": ends_at, "attempts": attempts}


def _messages(simulator: "Simulator", _request: Request) -> object:
    return {"messages": simulator.messages}


def _clock(simulator: "Simulator", _request: Request) -> object:
    return {"now": simulator.clock.now(), "speed": simulator.clock.speed}


def _set_clock(simulator: "Simulator", request: Request) -> object:
    """`{"set": instant}`, `{"advance": seconds}`, `{"speed": factor}`, together in this order."""
    content = _content(request)
    if unknown := set(content) - {"set", "advance", "speed"}:
        raise ValueError(f"the clock has no {', '.join(sorted(unknown))}; it has set, advance, speed")
    if "set" in content:
        instant = datetime.fromisoformat(str(content["set"]))
        if instant.tzinfo is None:
            raise ValueError("the instant to set should say its zone, like 2026-01-31T12:00:00Z")
        simulator.clock.set(instant)
    if "advance" in content:
        simulator.clock.advance(float(str(content["advance"])))
    if "speed" in content:
        simulator.clock.run_at(float(str(content["speed"])))
    return _clock(simulator, request)


def _set_budget(simulator: "Simulator", request: Request) -> object:
    """`{"token": text or null, "used": n}`: where a credential stands in its hour."""
    content = _content(request)
    token, used = content.get("token"), content.get("used")
    if not isinstance(used, int):
        raise ValueError("used should be a number of requests")  # noqa: TRY004 - one kind of error means a 400
    simulator.github.budget.set_used(str(token or "anonymous"), used, simulator.clock.now())
    return {"used": used}


def _hooks(simulator: "Simulator", _request: Request) -> object:
    return simulator.hooks.report()


def _set_hooks(simulator: "Simulator", request: Request) -> object:
    """Where webhooks go from now on and how badly they arrive; see `hooks.parse_hooks`."""
    simulator.hooks.send_to(*parse_hooks(_content(request)))
    return simulator.hooks.report()


def _index(simulator: "Simulator", _request: Request) -> object:
    return simulator.urls()


_ACTIONS: dict[tuple[str, str], Callable[["Simulator", Request], object]] = {
    ("GET", ""): _index,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _add_fault,
    ("DELETE", "/faults"): _remove_faults,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _forget_requests,
    ("GET", "/ledger"): _ledger,
    ("GET", "/messages"): _messages,
    ("GET", "/clock"): _clock,
    ("POST", "/clock"): _set_clock,
    ("POST", "/budget"): _set_budget,
    ("GET", "/hooks"): _hooks,
    ("POST", "/hooks"): _set_hooks,
}
