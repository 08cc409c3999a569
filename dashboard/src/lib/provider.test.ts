import { expect, test } from "vitest";
import { installationName, whereOf } from "./provider";

const BUILD = { provider: "github", instance: "github", repository: "acme/web", pipeline_name: "CI" };

test("an installation is named only where it is called otherwise than its provider", () => {
  expect(installationName(BUILD)).toBe("GitHub");
  expect(installationName({ provider: "jenkins", instance: "jenkins-eu" })).toBe("Jenkins jenkins-eu");
  expect(installationName({ provider: "teamcity", instance: "teamcity" })).toBe("teamcity");
});

test("a repository is named once, and not where the pipeline bears its name", () => {
  expect(whereOf(BUILD)).toBe("acme/web · GitHub");
  expect(whereOf({ ...BUILD, pipeline_name: "acme/web" })).toBe("GitHub");
  expect(whereOf({ ...BUILD, repository: null, instance: "ghe" })).toBe("GitHub ghe");
});
