/** Whose builds are looked at, and over which span of time: from the address. */
import { useMemo } from "react";
import { HOUR, DAY } from "~/lib/time";
import type { Query } from "~/api/request";
import { useNow } from "./now";
import { useParameters } from "./url";

export const SPANS = {
  "24h": { words: "24 hours", length: DAY, bucket: "hour" },
  "7d": { words: "7 days", length: 7 * DAY, bucket: "day" },
  "30d": { words: "30 days", length: 30 * DAY, bucket: "day" },
  "90d": { words: "90 days", length: 90 * DAY, bucket: "week" },
  "1y": { words: "1 year", length: 365 * DAY, bucket: "month" },
} as const;

export type SpanName = keyof typeof SPANS;
export const DEFAULT_SPAN: SpanName = "24h";

export interface Frame {
  since: string;
  until: string | null;
  bucket: "hour" | "day" | "week" | "month";
  /** Null where the address names instants. */
  span: SpanName | null;
  words: string;
}

export interface Scope {
  /** As the API's parameters: provider, instance, project, repository, branch. */
  query: Query;
  frame: Frame;
}

const NAMES = ["provider", "instance", "project", "repository", "branch"] as const;

export function useScope(): Scope {
  const { search } = useParameters();
  // The window moves on with the hour, and an address with the hour.
  const hour = Math.floor(useNow() / HOUR);
  return useMemo(() => scopeOf(search, hour * HOUR), [search, hour]);
}

/** The scope of an address as it is now. */
export function scopeNow(search: URLSearchParams): Scope {
  return scopeOf(search, Math.floor(Date.now() / HOUR) * HOUR);
}

export function scopeOf(search: URLSearchParams, hour: number): Scope {
  const query: Record<string, string> = {};
  for (const name of NAMES) {
    const value = search.get(name);
    if (value) query[name] = value;
  }
  return { query, frame: frameOf(search, hour) };
}

function frameOf(search: URLSearchParams, hour: number): Frame {
  const since = search.get("since");
  if (since !== null && !Number.isNaN(Date.parse(since))) return named(since, search.get("until"), hour);
  const asked = search.get("window");
  const name: SpanName = asked !== null && Object.hasOwn(SPANS, asked) ? (asked as SpanName) : DEFAULT_SPAN;
  const span = SPANS[name];
  return { since: new Date(hour - span.length).toISOString(), until: null, bucket: span.bucket, span: name, words: `last ${span.words}` };
}

function named(since: string, asked: string | null, hour: number): Frame {
  const until = asked !== null && !Number.isNaN(Date.parse(asked)) ? asked : null;
  const length = (until === null ? hour : Date.parse(until)) - Date.parse(since);
  const bucket = length <= 2 * DAY ? "hour" : length <= 62 * DAY ? "day" : length <= 200 * DAY ? "week" : "month";
  return { since, until, bucket, span: null, words: "chosen window" };
}
