/** Who this browser acts as: what the server says, asked for at the start and whenever it may be otherwise. */
import { useEffect, useSyncExternalStore } from "react";
import { send } from "~/api/request";
import type { components } from "~/api/schema";
import type { Session } from "~/api/types";
import { useReach } from "~/live/reach";
import { forgetKept } from "~/offline/register";

export type Caller = components["schemas"]["Caller"];

const PATH = "/api/session";
const AGAIN_MS = 30_000;
/** A server that takes longer counts as away. */
const LOOK_MS = 10_000;
/** A timer that is to wait longer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Null until the server has said. */
let caller: Caller | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Counts the questions. */
let looks = 0;
const watchers = new Set<() => void>();

/** The session of this browser, or null where there is none that holds. */
export function useSession(): Session | null {
  const known = useSyncExternalStore(watch, () => caller);
  const { state } = useReach();
  useEffect(() => {
    // A refusal may mean that the session is over; an answer after none, anything.
    if (state !== "silent") void look();
  }, [state]);
  useEffect(() => {
    document.addEventListener("visibilitychange", lookAgain);
    return () => document.removeEventListener("visibilitychange", lookAgain);
  }, []);
  return sessionOf(known);
}

/** Another page of this browser may have signed in or out meanwhile. */
function lookAgain(): void {
  if (!document.hidden) void look();
}

function sessionOf(known: Caller | null): Session | null {
  if (known?.is_signed_in !== true || known.name === null || known.expires_at === null) return null;
  return { name: known.name, scopes: known.scopes, expires_at: known.expires_at };
}

/** Ask the server; returns whether it answered. Where it does not, what it said last holds until the session's own end. */
export async function look(): Promise<boolean> {
  looks += 1;
  const mine = looks;
  try {
    // Not by `get`: who asks is answered even where nothing else is, so that it says nothing of the others.
    const response = await fetch(PATH, { credentials: "same-origin", signal: AbortSignal.timeout(LOOK_MS) });
    const said = response.ok ? ((await response.json()) as Caller) : null;
    // What was asked before somebody signed in or out is not what holds after.
    if (said !== null && mine === looks) learn(said);
    return said !== null;
  } catch {
    return false; // no answer in time, or a proxy's own
  }
}

/** `scope`: what for. A key that does not allow it is refused, and whoever was signed in stays so. */
export async function signIn(key: string, scope: string): Promise<void> {
  await send<Session>("POST", PATH, { key, scope });
  await look();
}

/** Forgotten here only once the server has ended it. */
export async function signOut(): Promise<void> {
  await send<undefined>("DELETE", PATH);
  if (caller?.is_reading_free === false) window.location.reload();
  caller = null;
  await look();
}

function learn(now: Caller): void {
  const before = caller;
  caller = now;
  clearTimeout(timer);
  if (now.is_signed_in && now.expires_at !== null) timer = setTimeout(() => void end(now), untilOf(now.expires_at));
  tell();
  if (before?.is_signed_in === true && !now.is_signed_in) drop(before);
}

/** The server's clock decides; where it cannot be asked, ours. */
async function end(was: Caller): Promise<void> {
  if (await look()) return;
  // The timer was not let wait to the end.
  const isOver = was.expires_at === null || Date.parse(was.expires_at) <= Date.now();
  learn(isOver ? { ...was, is_signed_in: false, name: null, scopes: [], expires_at: null } : was);
}

function untilOf(instant: string): number {
  const left = Date.parse(instant) - Date.now();
  // Over by our clock, though the server has just said otherwise: it is asked again from time to time.
  return left <= 0 ? AGAIN_MS : Math.min(left, LONGEST_MS);
}

/** What a session that is over had been needed for is shown no longer: the kept answers go, and those in this page with it. */
function drop(was: Caller): void {
  if (was.is_reading_free) return;
  // The server is told nothing: by now another page of this browser may have signed in anew.
  forgetKept();
  window.location.reload();
}

function tell(): void {
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
