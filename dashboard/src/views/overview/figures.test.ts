import { describe, expect, it } from "vitest";
import type { Bucket } from "~/api/types";
import { STACK, barsOf, labelOf, linkOf } from "./buckets";
import { runWords, turnOf, untimedOf } from "./figures";
import { STATUSES } from "~/lib/status";

describe("a change against the period before", () => {
  it("is better or worse by what the figure wants", () => {
    expect(turnOf({ before: 0.6, change: 0.021 }, "share", true)).toEqual({ word: "2.1 points better", tone: "good", direction: "up" });
    expect(turnOf({ before: 0.4, change: 0.021 }, "share", false)).toEqual({ word: "2.1 points worse", tone: "bad", direction: "up" });
  });

  it("is slower or faster of durations", () => {
    expect(turnOf({ before: 100, change: 12 }, "seconds", false)).toMatchObject({ word: "12 % slower", tone: "bad" });
    expect(turnOf({ before: 100, change: -12 }, "seconds", false)).toMatchObject({ word: "12 % faster", tone: "good", direction: "down" });
  });

  it("is none where it is too small to be shown", () => {
    expect(turnOf({ before: 0.6, change: 0.0002 }, "share", true)).toEqual({ word: "as before", tone: "none", direction: null });
  });

  it("is nothing where there was nothing before", () => {
    expect(turnOf({ before: null, change: null }, "share", true)).toBeNull();
    expect(turnOf({ before: 0, change: 5 }, "seconds", false)).toBeNull();
  });
});

it("leads to the builds without a known duration, whatever else the link says", () => {
  const asked = (link: string | undefined): unknown => Object.fromEntries(new URLSearchParams(link?.split("?")[1]));
  expect(asked(untimedOf("/api/builds?has_duration=true&status=failed%2Csucceeded"))).toEqual({ has_duration: "false", status: "failed,succeeded" });
  expect(asked(untimedOf("/api/builds?since=a"))).toEqual({ has_duration: "false", since: "a" });
  expect(untimedOf(undefined)).toBeUndefined();
});

it("says a sparkline in words", () => {
  expect(runWords([null, 2, 5, 1, null], String)).toBe("From 2 to 1; lowest 1, highest 5");
  expect(runWords([null], String)).toBe("No values in this window");
});

it("stacks every status there is", () => {
  expect([...STACK].sort()).toEqual([...STATUSES].sort());
});

it("counts what a bucket does not name as none", () => {
  const bucket = { starts_at: "2026-11-20T12:00:00Z", counts: { failed: 2 } } as unknown as Bucket;
  const [bar] = barsOf([bucket], () => "noon");
  expect(bar?.parts.filter((part) => part.count > 0).map((part) => part.key)).toEqual(["failed"]);
});

it("leads from a part of a bar to its builds", () => {
  const bucket = { link: "/api/builds?since=a&until=b" } as unknown as Bucket;
  expect(linkOf(bucket, "failed")).toBe("/api/builds?since=a&until=b&status=failed");
  expect(linkOf(bucket, null)).toBe("/api/builds?since=a&until=b");
});

it("names a bucket by its hours, its day or its days", () => {
  const local = (day: number, hour: number): string => new Date(2026, 10, day, hour).toISOString();
  expect(labelOf({ starts_at: local(20, 14), ends_at: local(20, 15) })).toMatch(/20.*–/);
  expect(labelOf({ starts_at: local(20, 0), ends_at: local(21, 0) })).not.toContain("–");
  expect(labelOf({ starts_at: local(16, 0), ends_at: local(23, 0) })).toMatch(/16.*–.*22/);
});
