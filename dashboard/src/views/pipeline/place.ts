/** From the overview's table to the one of this page. Pure. */
import type { Query } from "~/api/request";
import type { FilterName } from "~/builds/filter";

/** The pipeline says whose builds these are; of the header's selectors only the branch narrows them. */
export const SETTLED = ["provider", "instance", "project", "repository", "pipeline_id"] as const satisfies readonly FilterName[];

export function onlyOf(query: Query, id: number): Query {
  const isOpen = ([name]: [string, unknown]): boolean => !SETTLED.some((settled) => settled === name);
  return { ...Object.fromEntries(Object.entries(query).filter(isOpen)), pipeline_id: id };
}

/** Where a link leads to this pipeline's builds it stays here; every other one leads where it led. */
export function placeOf(id: number): (address: string) => string {
  return (address) => {
    const { pathname, searchParams, hash } = new URL(address, "http://observatory.invalid");
    if (pathname !== "/" || searchParams.get("pipeline_id") !== String(id)) return address;
    searchParams.delete("pipeline_id");
    const asked = searchParams.toString();
    return `/pipelines/${id}${asked ? `?${asked}` : ""}${hash}`;
  };
}
