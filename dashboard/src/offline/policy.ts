/** What the service worker does with which request, and under which name an answer is kept. Pure. */

/** Written into a kept answer: when it came from the server. */
export const KEPT_AT = "X-Kept-At";

/** `forget`: somebody signs in or out. `caller`: the page asks who it acts as. `pass`: as if no worker were there. */
export type Way = "asset" | "file" | "page" | "answer" | "forget" | "caller" | "pass";

export interface Asked {
  url: URL;
  method: string;
  isPage: boolean;
  /** It names a key or asks for a part. */
  isSpecial: boolean;
}

export const MOST_ANSWERS = 100;
export const MOST_BYTES = 1_000_000;

const VIEWS = /^\/(?:$|(?:waterfall|triage|me|pipelines|sources|alerts|builds|incidents)(?:\/|$))/;
/** Files somebody takes away, what somebody may do, and logs, which may be of any size. */
const NOT_KEPT = /^\/api\/(?:session|docs|openapi|logs|client-errors)|\/log$/;
/** Lists that one goes down: what follows the first page is asked for by a name of that moment, and found under none later. */
const WALKED = /^\/api\/(?:builds|waterfall)$/;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The windows that move on with the hour, as the page has them. */
export const MOVING: ReadonlySet<number> = new Set([DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY]);

export function wayOf({ url, method, isPage, isSpecial }: Asked, origin: string): Way {
  if (url.origin !== origin) return "pass";
  if (url.pathname === "/api/session") return method === "GET" ? "caller" : "forget";
  if (method !== "GET" || isSpecial) return "pass";
  if (url.pathname.startsWith("/app/assets/")) return "asset";
  if (url.pathname.startsWith("/app/") || url.pathname === "/manifest.webmanifest") return "file";
  if (isPage) return VIEWS.test(url.pathname) ? "page" : "pass";
  return url.pathname.startsWith("/api/") && isKept(url) ? "answer" : "pass";
}

function isKept({ pathname, searchParams: asked }: URL): boolean {
  if (NOT_KEPT.test(pathname) || asked.has("format") || asked.has("access_token")) return false;
  if (WALKED.test(pathname) && asked.has("cursor")) return false;
  // Of commits that changed just now: they would push out what views are made of.
  return !(pathname === "/api/waterfall" && asked.has("commit_sha"));
}

/**
 * A window of time that moves on with the hour keeps its name: what was the last day then is looked for as the last day now.
 * One with two ends stays what it is, and so does one that somebody fixed at an instant.
 */
export function nameOf(url: URL, now: number): string {
  const since = Date.parse(url.searchParams.get("since") ?? "");
  const length = now - (now % HOUR) - since;
  if (!MOVING.has(length) || url.searchParams.has("until")) return url.pathname + url.search;
  const search = new URLSearchParams(url.search);
  search.set("since", `${length / HOUR} hours ago`);
  return `${url.pathname}?${search}`;
}

/** Of what the server says of the caller, what matters to answers that are kept. */
export interface Caller {
  is_signed_in: boolean;
  expires_at: string | null;
  is_reading_free: boolean;
}

/** Until when answers to this caller may be shown; null: they belong to no session, or to one without an end. */
export function endOf({ is_signed_in: isSignedIn, expires_at: end, is_reading_free: isFree }: Caller): string | null {
  return isSignedIn && !isFree ? end : null;
}

/** What a server, or the proxy before it, says that cannot do its work. */
export function cannotAnswer(status: number): boolean {
  return status >= 502 && status <= 504;
}

/** One question refused may just have been too much to ask; where the next is refused, too, the server is away. */
export class Refusals {
  private readonly urls = new Set<string>();

  /** Told of each answer as it comes. */
  isAway({ url, status }: Pick<Response, "url" | "status">): boolean {
    if (cannotAnswer(status)) this.urls.add(url);
    else this.urls.clear();
    return this.urls.size > 1;
  }
}

export function isWorthKeeping(answer: Pick<Response, "status" | "headers">): boolean {
  const type = answer.headers.get("Content-Type") ?? "";
  return answer.status === 200 && type.startsWith("application/json") && !(answer.headers.get("Cache-Control") ?? "").includes("no-store");
}

/** Of all versions kept, oldest first, those to give up: a page of the one before may still be open and want its files. */
export function outdated(names: readonly string[], current: string): string[] {
  const shells = names.filter((name) => name.startsWith("shell ") && name !== current);
  return shells.slice(0, -1);
}
