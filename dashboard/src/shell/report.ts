/** What goes wrong in this page is told to the server, which counts it: a few of each kind, and never twice the same. */
import { send } from "~/api/request";

export type Kind = "render" | "script" | "promise" | "other";

const MOST = 10;
const told = new Set<string>();

export function reportErrors(): void {
  window.addEventListener("error", (event) => report(event.error ?? event.message, "script", event.filename ? `${event.filename}:${event.lineno}` : "unknown"));
  window.addEventListener("unhandledrejection", (event) => report(event.reason, "promise"));
  document.addEventListener("securitypolicyviolation", (event) => report(`${event.violatedDirective} ${event.blockedURI}`, "other", event.sourceFile || "the page's policy"));
}

export function report(error: unknown, kind: Kind, where?: string): void {
  const body = toldOf(error, kind, where ?? placeOf(error), location.pathname);
  if (body === null || isKnown(body.message)) return;
  // Whoever counts errors may be what cannot be reached; then nobody counts this one.
  send("POST", "/api/client-errors", body).catch(() => undefined);
}

interface Told {
  message: string;
  kind: Kind;
  where: string;
  view: string;
  stack?: string;
}

/** Null where it is no error of ours: an extension's, or what the reader's own leaving brought about. */
export function toldOf(error: unknown, kind: Kind, where: string, view: string): Told | null {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  const isForeign = /(?:chrome|moz|safari-web)-extension:/.test(`${where} ${message} ${stack ?? ""}`);
  if (isForeign || (error instanceof Error && error.name === "AbortError")) return null;
  const body = { message: message.slice(0, 500) || "without words", kind, where: where.slice(0, 200), view: view.slice(0, 200) };
  return stack === undefined ? body : { ...body, stack: stack.slice(0, 2000) };
}

/** The first line of the stack that names a place. */
function placeOf(error: unknown): string {
  const lines = error instanceof Error ? (error.stack?.split("\n") ?? []) : [];
  return lines.find((line) => /:\d+/.test(line))?.trim() ?? "unknown";
}

function isKnown(message: string): boolean {
  if (told.has(message) || told.size >= MOST) return true;
  told.add(message);
  return false;
}
