/** The service worker: without the network the page and its last answers are served from here. */
import { Answers, FORGET } from "./answers";
import { Refusals, endOf, isWorthKeeping, nameOf, outdated, wayOf, type Caller } from "./policy";

declare const self: ServiceWorkerGlobalScope;

/** Put in by the build: the files of this version, and a name that changes with them. */
const SHELL = JSON.parse("__SHELL__") as { version: string; files: string[] };
const SHELL_CACHE = `shell ${SHELL.version}`;
/** Every view is the same page at another address. */
const PAGE = "/";
const PAGE_MS = 3_000;
const ANSWER_MS = 10_000;

/** What the server says to who signs in. */
interface Session {
  expires_at: string;
}

const answers = new Answers(caches);
const refusals = new Refusals();

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { headers, method, mode } = request;
  const isSpecial = headers.has("Authorization") || headers.has("Range");
  const url = new URL(request.url);
  switch (wayOf({ url, method, isPage: mode === "navigate", isSpecial }, self.location.origin)) {
    case "asset":
      return event.respondWith(asset(request));
    case "file":
      return event.respondWith(fresh(request, request.url));
    case "page":
      return event.respondWith(fresh(request, PAGE));
    case "answer":
      return event.respondWith(answer(event, nameOf(url, Date.now())));
    case "forget":
      return event.respondWith(changeCaller(request));
    case "caller":
      return event.respondWith(caller(request));
    case "pass":
  }
});

self.addEventListener("message", (event) => {
  if (event.data === FORGET) event.waitUntil(answers.forget());
});

async function install(): Promise<void> {
  const cache = await caches.open(SHELL_CACHE);
  await cache.addAll([PAGE, ...SHELL.files]);
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  await Promise.all(outdated(await caches.keys(), SHELL_CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
  // A page that finds its own script missing here is of the version before.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- what a worker says reaches its own pages only
  for (const client of await self.clients.matchAll()) client.postMessage({ files: SHELL.files });
}

/** Its name changes with what is in it, so what is kept is right. */
async function asset(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

/** From the network while it answers in time and is well; else as it was. */
async function fresh(request: Request, name: string): Promise<Response> {
  const asked = fetch(request);
  const response = await within(asked, PAGE_MS);
  if (response !== null && response.status < 500) {
    if (response.ok) await (await caches.open(SHELL_CACHE)).put(name, response.clone());
    return response;
  }
  // Of this version, before that of the one before, which is kept for pages that are still open.
  const kept = await (await caches.open(SHELL_CACHE)).match(name, { ignoreVary: true });
  return kept ?? (await caches.match(name, { ignoreVary: true })) ?? asked;
}

/** From the network while it answers in time and is well; else as it was. */
async function answer(event: FetchEvent, name: string): Promise<Response> {
  const keep = answers.keeper();
  const asked = fetch(event.request);
  const response = await within(asked, ANSWER_MS);
  if (response === null || refusals.isAway(response)) return (await answers.find(name)) ?? asked;
  if (response.status === 401) event.waitUntil(answers.forget());
  else if (isWorthKeeping(response)) event.waitUntil(keep(name, response.clone()));
  return response;
}

/** What the server says of the caller; answers that are kept end with the session that was needed for them. */
async function caller(request: Request): Promise<Response> {
  const own = answers.owner();
  const response = await fetch(request);
  if (response.ok) await own(endOf((await response.clone().json()) as Caller));
  return response;
}

/** Somebody signs in or out. A session that begins is taken to be needed until the server says otherwise. */
async function changeCaller(request: Request): Promise<Response> {
  const response = await answers.forgetAround(() => fetch(request));
  const own = answers.owner();
  if (request.method === "POST" && response.ok) await own(((await response.clone().json()) as Session).expires_at);
  return response;
}

/** Null where it fails or takes longer. */
async function within(asked: Promise<Response>, most: number): Promise<Response | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, most, null));
  return Promise.race([asked.catch(() => null), late]);
}
