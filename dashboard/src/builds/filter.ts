/** Which builds a table shows: from the address to what the API is asked, and back from the API's own links. Pure. */
import type { Query } from "~/api/request";
import { escaped } from "~/api/request";
import type { Build } from "~/api/types";
import { lookOf } from "~/lib/status";
import { providerName } from "~/lib/provider";
import type { Frame } from "~/state/scope";
import { keeping, type Changes } from "~/state/url";

/** What the header's selectors say as well: it narrows the whole page. */
export const SCOPE_FILTERS = ["provider", "instance", "project", "repository", "branch"] as const;

/** What only the table heeds, by the API's names. */
export const OWN_FILTERS = [
  "status", "author", "q", "event", "pipeline_id", "commit_sha", "cancel_reason", "first_status",
  "is_flaky", "is_active", "is_stale", "has_duration", "has_wait",
] as const;

/** The table's own span within the window; `from=ever`: whenever they were queued. */
const SPAN_FILTERS = ["from", "to"] as const;
const EVER = "ever";

export type FilterName = (typeof SCOPE_FILTERS)[number] | (typeof OWN_FILTERS)[number] | (typeof SPAN_FILTERS)[number];

export const ALL_FILTERS: readonly FilterName[] = [...SCOPE_FILTERS, ...OWN_FILTERS, ...SPAN_FILTERS];

/** What `/api/builds` is asked. */
export function buildsQuery(search: URLSearchParams, frame: Pick<Frame, "since" | "until">): Query {
  const query: Record<string, string | null> = {};
  for (const name of [...SCOPE_FILTERS, ...OWN_FILTERS]) query[name] = search.get(name);
  const { from, to } = spanOf(search);
  if (from === null) return present({ ...query, since: frame.since, until: frame.until });
  return present({ ...query, since: from === EVER ? null : from, until: to });
}

/** Whether the table looks at another span than the window: its chip says at which. */
export function hasOwnSpan(search: URLSearchParams): boolean {
  return spanOf(search).from !== null;
}

/** An end alone leaves the beginning open. */
function spanOf(search: URLSearchParams): { from: string | null; to: string | null } {
  const to = search.get("to") || null;
  return { from: search.get("from") || (to === null ? null : EVER), to };
}

function present(query: Record<string, string | null>): Query {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== ""));
}

/** Where this page shows the builds of an API's link: the overview with its table filtered the same. Null: no such link. */
export function pageAddress(link: string | undefined, search: URLSearchParams, frame: Pick<Frame, "since" | "until">): string | null {
  if (link === undefined) return null;
  const { pathname, searchParams } = new URL(link, "http://observatory.invalid");
  if (pathname !== "/api/builds") return null;
  return `${keeping("/", search, { ...scopeChanges(searchParams), ...ownChanges(searchParams), ...spanChanges(searchParams, frame) })}#builds`;
}

function scopeChanges(link: URLSearchParams): Changes {
  return Object.fromEntries(SCOPE_FILTERS.map((name) => [name, link.get(name) ?? (name === "repository" ? link.get("repo") : null)]));
}

function ownChanges(link: URLSearchParams): Changes {
  return Object.fromEntries(OWN_FILTERS.map((name) => [name, link.get(name)]));
}

function spanChanges(link: URLSearchParams, frame: Pick<Frame, "since" | "until">): Changes {
  const [since, until] = [link.get("since"), link.get("until")];
  if (isSame(since, frame.since) && isSame(until, frame.until)) return { from: null, to: null };
  return { from: since ?? EVER, to: until };
}

function isSame(one: string | null, other: string | null): boolean {
  return one === null || other === null ? one === other : Date.parse(one) === Date.parse(other);
}

/** A filter that is set, in words, and how to take it away. */
export interface Chip {
  key: string;
  name: string;
  value: string;
  without: Changes;
}

const WORDS: Readonly<Record<string, string>> = {
  provider: "Provider", instance: "Instance", project: "Project", repository: "Repository", branch: "Branch",
  status: "Status", author: "Author", event: "Event", pipeline_id: "Pipeline", commit_sha: "Commit",
  cancel_reason: "Cancelled", first_status: "First attempt", q: "Search",
};

const FLAGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  is_flaky: { true: "flaky", false: "not flaky" },
  is_active: { true: "open now", false: "not open now" },
  is_stale: { true: "not to be believed to run", false: "believed" },
  has_duration: { true: "with a duration", false: "without a duration" },
  has_wait: { true: "whose wait is known", false: "whose wait is unknown" },
};

const REASONS: Readonly<Record<string, string>> = { superseded: "superseded", person: "by a person", timeout: "for its time", unknown: "nobody says why" };

/** `fixed`: what the page itself settles, so that the address does not. */
export function chips(search: URLSearchParams, at: (instant: string) => string, fixed: readonly FilterName[] = []): Chip[] {
  const names = [...SCOPE_FILTERS, ...OWN_FILTERS].filter((name) => !fixed.includes(name));
  const list = names.flatMap((name) => {
    const text = search.get(name);
    if (!text) return [];
    return name === "q" ? [{ key: "q", name: "Search", value: text, without: { q: null } }] : chipsOf(name, valuesOf(text));
  });
  const span = spanChip(search, at);
  return span === null ? list : [...list, span];
}

function chipsOf(name: string, values: readonly string[]): Chip[] {
  return values.map((value) => {
    const rest = values.filter((other) => other !== value);
    return { key: `${name} ${value}`, name: WORDS[name] ?? "Only", value: FLAGS[name]?.[value] ?? said(name, value), without: { [name]: joined(rest) } };
  });
}

function said(name: string, value: string): string {
  if (name === "status" || name === "first_status") return lookOf(value).word;
  if (name === "provider") return providerName(value);
  if (name === "cancel_reason") return REASONS[value] ?? value;
  return name === "commit_sha" ? value.slice(0, 10) : value;
}

function spanChip(search: URLSearchParams, at: (instant: string) => string): Chip | null {
  const { from, to } = spanOf(search);
  if (from === null) return null;
  const without = { from: null, to: null };
  const start = from === EVER ? null : at(from);
  if (start === null) return { key: "span", name: "Queued", value: to === null ? "at any time" : `before ${at(to)}`, without };
  return { key: "span", name: "Queued", value: to === null ? `since ${start}` : `${start} – ${at(to)}`, without };
}

/** Several values as they stand in an address: a comma between, one within is written `\,`. */
export function valuesOf(text: string | null): string[] {
  if (!text) return [];
  const parts = text.match(/(?:\\.|[^,\\])+/g) ?? [];
  return parts.map((part) => part.replaceAll(/\\(.)/g, "$1"));
}

export function joined(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.map(escaped).join(",");
}

/** Every filter of the table taken away; the window of time stays, and what the page settles. */
export function noFilters(fixed: readonly FilterName[] = []): Changes {
  return Object.fromEntries(ALL_FILTERS.filter((name) => !fixed.includes(name)).map((name) => [name, null]));
}

/** The filters of an address alone, to be kept under a name; what the page settles is none of them. */
export function filtersOf(search: URLSearchParams, fixed: readonly FilterName[] = []): string {
  const kept = new URLSearchParams();
  for (const name of ALL_FILTERS.filter((one) => !fixed.includes(one))) {
    const value = search.get(name);
    if (value) kept.set(name, value);
  }
  return kept.toString();
}

/** Exactly the kept filters, but for what the page settles: set in its address, that would narrow the views one goes on to, unseen. */
export function applied(kept: string, fixed: readonly FilterName[] = []): Changes {
  const search = new URLSearchParams(kept);
  return Object.fromEntries(ALL_FILTERS.filter((name) => !fixed.includes(name)).map((name) => [name, search.get(name)]));
}

const FIELDS = ["provider", "instance", "project", "repository", "branch", "status", "author", "event", "commit_sha"] as const;

/** What only the server can tell of a build. */
const UNTOLD = ["q", "is_flaky", "first_status", "cancel_reason", "repo"] as const;

/** Whether a build is of those asked for; `perhaps` where its own fields do not tell. */
export function fits(build: Build, query: Query): "yes" | "no" | "perhaps" {
  if (FIELDS.some((name) => !isAmong(build[name], query[name]))) return "no";
  if (!isAmong(String(build.pipeline_id), query.pipeline_id)) return "no";
  if (!isWithin(build.queued_at, query.since, query.until)) return "no";
  if (!agree(build, query)) return "no";
  return UNTOLD.some((name) => isAsked(query[name])) ? "perhaps" : "yes";
}

function isAsked(value: Query[string]): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** Whether a value is of those asked for; where none is, every one is. */
export function isAmong(value: string | null, asked: Query[string]): boolean {
  if (!isAsked(asked)) return true;
  const values = typeof asked === "object" && asked !== null ? asked : valuesOf(String(asked));
  return value !== null && values.includes(value);
}

function isWithin(instant: string, since: Query[string], until: Query[string]): boolean {
  const at = Date.parse(instant);
  return (!isAsked(since) || at >= Date.parse(String(since))) && (!isAsked(until) || at < Date.parse(String(until)));
}

function agree(build: Build, query: Query): boolean {
  const isOpen = build.finished_at === null && ["queued", "blocked", "running"].includes(build.status ?? "");
  const facts = {
    is_active: isOpen && build.stale_since === null,
    is_stale: build.stale_since !== null,
    has_duration: build.duration_seconds !== null,
    has_wait: build.queued_seconds !== null,
  };
  return Object.entries(facts).every(([name, fact]) => !isAsked(query[name]) || String(query[name]) === String(fact));
}
