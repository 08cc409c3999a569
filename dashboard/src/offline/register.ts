/** The service worker: without the network the page still opens, with the last data and its age. */
import { useSyncExternalStore } from "react";
import { onReturn } from "~/live/reach";

const LOOK_MS = 3_600_000;
/** What is said to the service worker, which shares no code with the page. */
export const FORGET = "forget";

let isOutdated = false;
const watchers = new Set<() => void>();

/** Whether a newer version of this page is there, to be had by loading it anew. */
export function useIsOutdated(): boolean {
  return useSyncExternalStore(watch, () => isOutdated);
}

export function register(): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ files?: string[] }>) => compare(data.files));
  window.addEventListener("load", () => void begin());
}

async function begin(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker.register("/sw.js", { scope: "/" });
    const look = (): void => void registration.update().catch(() => undefined); // no network now: at the next look
    setInterval(look, LOOK_MS);
    onReturn(look);
  } catch {
    // Where it is refused (plain http on another host) everything else works.
  }
}

/** Have the worker give up the answers it kept. */
export function forgetKept(): void {
  if ("serviceWorker" in navigator) navigator.serviceWorker.controller?.postMessage(FORGET);
}

function compare(files: readonly string[] | undefined): void {
  const own = document.querySelector<HTMLScriptElement>("script[type=module][src]");
  if (files === undefined || own === null) return;
  isOutdated = !files.includes(new URL(own.src).pathname);
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
