import { expect, test } from "vitest";
import { sentence } from "./sentence";

test("words become a sentence, and one that is a sentence stays", () => {
  expect(sentence("no route is meant for it")).toBe("No route is meant for it.");
  expect(sentence("Was it told?")).toBe("Was it told?");
});
