/** From a figure about incidents to those incidents. */
import type { ReactElement, ReactNode } from "react";
import { ViewLink } from "~/ui/view_link";

const NAMES = ["status", "pipeline_id", "branch", "is_default_branch", "fixed_since", "fixed_until"] as const;

/** The alerts' list of incidents, narrowed as the API's link is. */
export function IncidentsLink({ link, children }: { link: string | undefined; children: ReactNode }): ReactElement {
  if (link === undefined) return <span>{children}</span>;
  const { searchParams } = new URL(link, "http://observatory.invalid");
  const also = Object.fromEntries(NAMES.map((name) => [name, searchParams.get(name)]).filter(([, value]) => value !== null));
  return <ViewLink to="/alerts" also={also}>{children}</ViewLink>;
}
