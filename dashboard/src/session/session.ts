/** Whether this browser holds a session: its name and its end. The key itself is sent once and kept nowhere. */
import { send } from "~/api/request";
import type { Session } from "~/api/types";
import { usePreference, writeText } from "~/state/preferences";
import { useNow } from "~/state/now";

const NAME = "session";

/** The session that was opened here, unless it has ended by itself. The server may know better: then it answers 401. */
export function useSession(): Session | null {
  const [session] = usePreference(NAME, sessionOr);
  const now = useNow();
  return session !== null && Date.parse(session.expires_at) > now ? session : null;
}

export async function signIn(key: string): Promise<Session> {
  const session = await send<Session>("POST", "/api/session", { key });
  writeText(NAME, JSON.stringify(session));
  return session;
}

/** Forgotten here only once the server has ended it. */
export async function signOut(): Promise<void> {
  await send<undefined>("DELETE", "/api/session");
  writeText(NAME, null);
}

/** What the server no longer knows is not shown as if it held. */
export function forget(): void {
  writeText(NAME, null);
}

export function sessionOr(stored: unknown): Session | null {
  if (typeof stored !== "object" || stored === null) return null;
  const { name, scopes, expires_at: end } = stored as Partial<Record<keyof Session, unknown>>;
  if (typeof name !== "string" || typeof end !== "string" || Number.isNaN(Date.parse(end)) || !Array.isArray(scopes)) return null;
  return { name, expires_at: end, scopes: scopes.filter((scope) => typeof scope === "string") };
}
