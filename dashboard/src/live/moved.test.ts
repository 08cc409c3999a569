import { expect, test } from "vitest";
import type { Build, Incident } from "~/api/types";
import { aBuild } from "~/builds/sample";
import { isCounted, mayMove } from "./moved";
import type { Batch } from "./store";

function batch(...builds: Build[]): Batch {
  return { builds: new Map(builds.map((build) => [build.id, build])), incidents: new Map(), gone: new Set(), isResync: false };
}

const shop = batch(aBuild(7, { pipeline_id: 3, repository: "acme/shop", branch: "main" }));

test("figures of a place are moved by builds of that place alone", () => {
  expect(mayMove(["/api/metrics/overview", { repository: "acme/shop" }], shop)).toBe(true);
  expect(mayMove(["/api/metrics/overview", { repository: "acme/api" }], shop)).toBe(false);
  expect(mayMove(["/api/metrics/overview", { repository: "acme/api,acme/shop", branch: "main" }], shop)).toBe(true);
  expect(mayMove(["/api/metrics/overview", { branch: "develop" }], shop)).toBe(false);
  expect(mayMove(["/api/metrics/overview", { provider: "jenkins" }], batch(aBuild(1, { provider: "jenkins" })))).toBe(true);
});

test("figures of everything are moved by every build", () => {
  expect(mayMove(["/api/metrics/overview", { since: "2030-01-01T00:00:00Z", bucket: "hour" }], shop)).toBe(true);
  expect(mayMove(["/api/waterfall"], shop)).toBe(true);
});

test("a list that comes in pages is narrowed as any other", () => {
  expect(mayMove(["/api/incidents", "all", { status: "open", project: "other" }, 10], shop)).toBe(false);
  expect(mayMove(["/api/incidents", "pages", { status: "open", project: "default" }], shop)).toBe(true);
});

test("one pipeline is moved by its own builds", () => {
  expect(mayMove(["/api/pipelines/3", {}], shop)).toBe(true);
  expect(mayMove(["/api/pipelines/33", {}], shop)).toBe(false);
  expect(mayMove(["/api/metrics/pipeline/4", { branch: null }], shop)).toBe(false);
  expect(mayMove(["/api/pipelines/durations", { pipeline_id: "1,2,3" }], shop)).toBe(true);
  expect(mayMove(["/api/pipelines/durations", { pipeline_id: "1,2" }], shop)).toBe(false);
});

test("a build that leaves a list's status still moves the list", () => {
  expect(mayMove(["/api/builds", { status: "running", limit: 100 }], shop)).toBe(true);
});

test("one build's answers are moved by itself alone", () => {
  expect(mayMove(["/api/builds/7", {}], shop)).toBe(true);
  expect(mayMove(["/api/builds/7/jobs"], shop)).toBe(true);
  expect(mayMove(["/api/builds/77", {}], shop)).toBe(false);
});

test("an incident moves what is asked of its place", () => {
  const incident = { ...aBuild(9, { pipeline_id: 5, repository: "acme/api" }) } as unknown as Incident;
  const told: Batch = { ...batch(), incidents: new Map([[9, incident]]) };
  expect(mayMove(["/api/triage", { repository: "acme/api" }], told)).toBe(true);
  expect(mayMove(["/api/triage", { repository: "acme/shop" }], told)).toBe(false);
});

test("what does not come of builds is not moved by them", () => {
  expect(mayMove(["/api/sources", {}], shop)).toBe(false);
  expect(mayMove(["me", "jobs", "3"], shop)).toBe(false);
  expect(mayMove(["me", "builds", {}], shop)).toBe(true);
  expect(mayMove(["/api/metrics/overview", {}], batch())).toBe(false);
  expect(mayMove(["me", "builds", {}], batch())).toBe(false);
});

test("lists of builds are not counted: they hear of changes themselves", () => {
  expect(isCounted(["/api/builds", {}])).toBe(false);
  expect(isCounted(["/api/metrics/overview", {}])).toBe(true);
});
