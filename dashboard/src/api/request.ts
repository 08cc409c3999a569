/** Asking the API: addresses, answers, problems. */
import { heard, unheard } from "~/live/reach";
import type { Problem } from "./types";

export type Value = string | number | boolean | null | undefined;
export type Query = Readonly<Record<string, Value | readonly string[]>>;

/** An answer that says what was wrong, or that none came. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** 0 where no answer came. */
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
    this.problem = problem;
  }
}

/** A path with its parameters: empty ones are left out, several values are joined as the API splits them. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const text = typeof value === "object" && value !== null ? value.map(escaped).join(",") : value;
    if (text !== undefined && text !== null && text !== "") search.set(name, String(text));
  }
  const asked = search.toString();
  return asked ? `${path}?${asked}` : path;
}

/** A value among several: its own commas are not those between. */
export function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll(",", "\\,");
}

export async function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return (await ask(address(path, query), { signal: signal ?? null })) as Answer;
}

export async function send<Answer>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Answer> {
  const given = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return (await ask(path, { method, ...given })) as Answer;
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  const headers = { Accept: "application/json, application/problem+json", ...init.headers };
  const askedAt = Date.now();
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    unheard();
    throw new Refused(0, { title: "No answer", detail: "The server cannot be reached." });
  }
  // Who may not change something may still read.
  if (init.method === undefined) heard(response, askedAt, Date.now());
  if (response.status === 204) return undefined;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  throw new Refused(response.status, problemOf(response, body));
}

function problemOf(response: Response, body: unknown): Problem {
  if (typeof body === "object" && body !== null) return body;
  return { title: response.statusText, status: response.status, detail: `The server answered ${response.status} ${response.statusText}.` };
}
