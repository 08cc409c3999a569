/** The way to a commit at its provider, where the provider has a page of it. */
import type { ReactElement } from "react";
import type { Build } from "~/api/types";
import { commitUrl } from "~/lib/commit";
import { providerName } from "~/lib/provider";
import { Outside } from "./outside";

export function CommitPage({ build, sha }: { build: Pick<Build, "provider" | "web_url">; sha: string }): ReactElement | null {
  return <Outside url={commitUrl(build, sha)} words={`Open ${sha.slice(0, 7)} at ${providerName(build.provider)}`} />;
}
