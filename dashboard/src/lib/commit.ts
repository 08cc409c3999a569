/** Where a provider shows a commit. Pure. */
import type { Build } from "~/api/types";

type Built = Pick<Build, "provider" | "web_url">;

/** By provider: its page of a build, of which all before is the repository's page; and what leads from there to a commit. */
const PAGES: Readonly<Record<string, { build: RegExp; commit: string }>> = {
  github: { build: /^(.*\/[^/]+\/[^/]+)\/actions\/runs\/\d+(?:\/|$)/, commit: "/commit/" },
  gitlab: { build: /^(.*\/[^/]+\/(?!-\/)[^/]+)(?:\/-)?\/pipelines\/\d+(?:\/|$)/, commit: "/-/commit/" },
};
const SHA = /^[0-9a-f]{7,64}$/i;

/**
 * A commit's page on the host that has its build's page: the collector lets no other than the installation's own host through.
 * Null where the build has no page by http, its provider has no pages of commits, or what should be a hash is none.
 */
export function commitUrl({ provider, web_url: page }: Built, sha: string): string | null {
  const pages = Object.hasOwn(PAGES, provider) ? PAGES[provider] : undefined;
  const url = page !== null && URL.canParse(page) ? new URL(page) : null;
  if (pages === undefined || url === null || !SHA.test(sha)) return null;
  if (!["http:", "https:"].includes(url.protocol) || url.username !== "" || url.password !== "") return null;
  const repository = pages.build.exec(url.pathname)?.[1];
  return repository === undefined ? null : `${url.origin}${repository}${pages.commit}${sha}`;
}
