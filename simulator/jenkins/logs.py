"""What a simulated Jenkins build printed, as a whole and piece by piece."""

from datetime import datetime

from simulator.exchange import Answer, text_answer
from simulator.jenkins.builds import Build, Standing


def console(build: Build, now: datetime) -> str:
    """The console of a build as far as it has come."""
    lines = [f"Started by {build.person.name}", f"Checking out Revision {build.sha} ({build.title})"]
    for stage in build.stages:
        if stage.begins_at <= now:
            lines += ["[Pipeline] stage", f"[Pipeline] {{ ({stage.name})", f"+ make {stage.name.lower()}"]
        if stage.ends_at <= now:
            lines += [f"{stage.name}: {stage.word}", "[Pipeline] }"]
    if build.standing(now) is Standing.OVER:
        lines.append(f"Finished: {build.result}")
    return "".join(f"{line}\n" for line in lines)


def piece(text: str, start: str, has_more: bool) -> Answer:
    """What was printed since byte `start`; a start beyond the end begins anew, as Jenkins does."""
    whole = text.encode()
    at = int(start) if start.isdigit() and int(start) <= len(whole) else 0
    headers = {"X-Text-Size": str(len(whole))} | ({"X-More-Data": "true"} if has_more else {})
    answer = text_answer(200, "", "text/plain;charset=utf-8")
    return Answer(200, answer.headers | headers, whole[at:])
