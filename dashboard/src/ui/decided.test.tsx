// @vitest-environment happy-dom
import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Decisions, RouteDecision } from "~/api/types";
import { Decided } from "./decided";

function aRoute(changes: Partial<RouteDecision> = {}): RouteDecision {
  const nothing = { kind: null, reason: null, delivery_id: null, due_at: null, decided_at: null, settled_at: null };
  return { route: "default", receiver: "chat", outcome: "told", ...nothing, ...changes };
}

function shown(routes: RouteDecision[], isPlanned = true): HTMLElement {
  const decisions = { is_planned: isPlanned, decision_reason: "The branch broke.", routes } as Decisions;
  return render(<Decided decisions={decisions} />).container;
}

test("what is not decided yet says so, and claims nothing", () => {
  expect(shown([aRoute()], false).textContent).toBe("This is being decided just now.");
});

test("a decision says who, by which route and why", () => {
  const words = shown([aRoute({ outcome: "suppressed", reason: "a silence holds it back" })]).textContent;

  expect(words).toContain("The branch broke.");
  expect(words).toContain("chat not told");
  expect(words).toContain("A silence holds it back. Route default.");
});

test("a route without a receiver is named once", () => {
  expect(shown([aRoute({ receiver: null, outcome: "held" })]).textContent).toBe("The branch broke.default held back for now");
});

test("routes that are meant for something else are there for whoever asks", () => {
  const page = shown([aRoute(), aRoute({ route: "night", receiver: null, outcome: "unmatched", reason: "another repository" })]);

  expect(page.querySelector("summary")?.textContent).toBe("1 other route not concerned");
  expect(page.querySelector("details")?.textContent).toContain("night not concernedAnother repository.");
  expect(page.textContent).not.toContain("Nobody");
});

test("where no route is concerned nobody was told", () => {
  expect(shown([]).textContent).toContain("Nobody was told.");
  expect(shown([aRoute({ outcome: "unmatched" })]).querySelector("summary")?.textContent).toBe("1 route not concerned");
});
