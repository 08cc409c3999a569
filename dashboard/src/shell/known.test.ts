import { expect, test } from "vitest";
import { branchOptions, knownOf, repositoryOptions } from "./known";

test("a repository that two providers have is offered once, with both named", () => {
  const options = repositoryOptions([{ name: "acme/web", provider: "gitlab" }, { name: "acme/api", provider: "github" }, { name: "acme/web", provider: "github" }]);
  expect(options).toEqual([{ value: "acme/api", note: "GitHub" }, { value: "acme/web", note: "GitLab, GitHub" }]);
});

test("default branches come first, each name once", () => {
  const options = branchOptions([{ name: "fix/7", is_default: false }, { name: "main", is_default: true }, { name: "fix/7", is_default: false }]);
  expect(options).toEqual([{ value: "main", note: "default" }, { value: "fix/7" }]);
});

test("whether everything is offered, and why not, is said", () => {
  const note = (isError: boolean, isCut?: boolean): string | null => knownOf({ data: isCut === undefined ? undefined : { options: [], isCut }, isError }, true).note;
  expect([note(false), note(true), note(false, true), note(true, false)]).toEqual(["Fetching…", "They could not be fetched.", "The first 2,000 of them.", null]);
});

test("nothing is said of what nobody asked for", () => {
  expect(knownOf({ data: undefined, isError: false }, false)).toEqual({ options: [], note: null });
});
