import { describe, expect, test } from "vitest";
import { commitUrl } from "./commit";

const SHA = "0123456789abcdef0123456789abcdef01234567";

function github(page: string | null, sha = SHA): string | null {
  return commitUrl({ provider: "github", web_url: page }, sha);
}

function gitlab(page: string): string | null {
  return commitUrl({ provider: "gitlab", web_url: page }, SHA);
}

describe("the page of a commit", () => {
  test("at GitHub it stands beside the run", () => {
    expect(github("https://github.com/acme/web/actions/runs/17")).toBe(`https://github.com/acme/web/commit/${SHA}`);
    expect(github("https://github.com/acme/web/actions/runs/17/attempts/2")).toBe(`https://github.com/acme/web/commit/${SHA}`);
    expect(github("http://ghe.acme.test:8443/acme/web/actions/runs/17?check_suite_focus=true")).toBe(`http://ghe.acme.test:8443/acme/web/commit/${SHA}`);
  });

  test("at GitLab it stands beside the pipeline, however deep the group and wherever GitLab is served", () => {
    expect(gitlab("https://gitlab.com/acme/web/-/pipelines/17")).toBe(`https://gitlab.com/acme/web/-/commit/${SHA}`);
    expect(gitlab("https://acme.test/gitlab/a/b/c/web/-/pipelines/17")).toBe(`https://acme.test/gitlab/a/b/c/web/-/commit/${SHA}`);
    expect(gitlab("https://gitlab.com/acme/web/pipelines/17")).toBe(`https://gitlab.com/acme/web/-/commit/${SHA}`);
    expect(gitlab("https://gitlab.com/acme/pipelines/-/pipelines/17")).toBe(`https://gitlab.com/acme/pipelines/-/commit/${SHA}`);
  });

  test("a provider without pages of commits has none, nor has a build without a page", () => {
    expect(commitUrl({ provider: "jenkins", web_url: "https://ci.acme.test/job/web/17/" }, SHA)).toBeNull();
    expect(commitUrl({ provider: "push", web_url: "https://github.com/acme/web/actions/runs/17" }, SHA)).toBeNull();
    expect(commitUrl({ provider: "constructor", web_url: "https://github.com/acme/web/actions/runs/17" }, SHA)).toBeNull();
    expect(github(null)).toBeNull();
    expect(github("")).toBeNull();
    expect(github("https://github.com/acme/web")).toBeNull();
    expect(github("https://github.com/actions/runs/17")).toBeNull();
  });
});

describe("hostile input", () => {
  test.each([
    "javascript:alert(1)//github.com/acme/web/actions/runs/17",
    "javascript://github.com/acme/web/actions/runs/17",
    "data:text/html,/acme/web/actions/runs/17",
    "file:///acme/web/actions/runs/17",
    "blob:https://github.com/acme/web/actions/runs/17",
    "//github.com/acme/web/actions/runs/17",
    "/acme/web/actions/runs/17",
    "https:///",
    "https://github.com@evil.test/acme/web/actions/runs/17",
    "https://ada:secret@github.com/acme/web/actions/runs/17",
    "https://evil.test/?https://github.com/acme/web/actions/runs/17",
    "https://evil.test/#/acme/web/actions/runs/17",
  ])("%s leads nowhere", (page) => {
    expect(github(page)).toBeNull();
  });

  test("markup in a path stays a path, and the host is the build's", () => {
    const found = github('https://github.com/acme/"><script>alert(1)</script>/actions/runs/17');

    expect(found === null ? null : new URL(found).origin).toBeOneOf([null, "https://github.com"]);
    expect(found ?? "").not.toMatch(/[<>"]/);
  });

  test.each(["", "main", "../../../evil", `${SHA}/../../..`, "javascript:alert(1)", "0123456\n", `${SHA}${SHA}`, "012345"])("%j is no hash, so it has no page", (sha) => {
    expect(github("https://github.com/acme/web/actions/runs/17", sha)).toBeNull();
  });
});
