/** Repositories, projects and branches to choose from: all pages of them, once somebody wants to choose. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { Query } from "~/api/request";
import { MOST_PAGES, PAGE, useAll, type All } from "~/api/use_pages";
import type { Branch, Branches, Projects, Repositories, Repository } from "~/api/types";
import { grouped } from "~/lib/group";
import { whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import type { Option } from "~/ui/options";

export interface Known {
  options: readonly Option[];
  note: string | null;
}

interface Offer {
  options: readonly Option[];
  isCut: boolean;
}

const NONE: readonly Option[] = [];
export const UNFETCHED = "They could not be fetched.";

/** The keys of all projects. */
export function useProjects(isWanted: boolean): UseQueryResult<{ keys: readonly string[]; isCut: boolean }> {
  return useAll("/api/projects", {}, { most: MOST_PAGES, enabled: isWanted, select: projectKeys });
}

export function useRepositories(query: Query, isWanted: boolean): Known {
  return knownOf(useAll("/api/repositories", query, { most: MOST_PAGES, enabled: isWanted, select: offeredRepositories }), isWanted);
}

export function useBranches(query: Query, isWanted: boolean): Known {
  return knownOf(useAll("/api/branches", query, { most: MOST_PAGES, enabled: isWanted, select: offeredBranches }), isWanted);
}

/** What there is to choose from, and why it may not be all. */
export function knownOf(answer: Pick<UseQueryResult<Offer>, "data" | "isError">, isWanted: boolean): Known {
  return { options: answer.data?.options ?? NONE, note: noteOf(answer, isWanted) };
}

/** Why there is nothing to choose from yet, or not all. */
export function noteOf({ data, isError }: Pick<UseQueryResult<{ isCut: boolean }>, "data" | "isError">, isWanted: boolean): string | null {
  if (data === undefined) return isError ? UNFETCHED : isWanted ? "Fetching…" : null;
  return data.isCut ? `The first ${whole(PAGE * MOST_PAGES)} of them.` : null;
}

function projectKeys({ pages, isCut }: All<Projects>): { keys: readonly string[]; isCut: boolean } {
  return { keys: pages.flatMap((page) => page.projects.map(({ key }) => key)), isCut };
}

function offeredRepositories({ pages, isCut }: All<Repositories>): Offer {
  return { options: repositoryOptions(pages.flatMap((page) => page.repositories)), isCut };
}

function offeredBranches({ pages, isCut }: All<Branches>): Offer {
  return { options: branchOptions(pages.flatMap((page) => page.branches)), isCut };
}

/** A name once, with all providers that have it. */
export function repositoryOptions(repositories: readonly Pick<Repository, "name" | "provider">[]): Option[] {
  const byName = [...grouped(repositories, ({ name }) => name)].toSorted(([one], [other]) => one.localeCompare(other));
  return byName.map(([value, same]) => ({ value, note: [...new Set(same.map(({ provider }) => providerName(provider)))].join(", ") }));
}

/** Default branches first, since most who choose want one. */
export function branchOptions(branches: readonly Pick<Branch, "name" | "is_default">[]): Option[] {
  const defaults = new Set(branches.filter((branch) => branch.is_default).map(({ name }) => name));
  const names = [...new Set(branches.map(({ name }) => name))].toSorted((one, other) => one.localeCompare(other));
  return [
    ...names.filter((name) => defaults.has(name)).map((value) => ({ value, note: "default" })),
    ...names.filter((name) => !defaults.has(name)).map((value) => ({ value })),
  ];
}

