import { expect, test } from "vitest";
import { HINT, tellsError } from "./errors";

const ESC = "\u001b";

const ERRORS = [
  "2026-11-22T16:55:44.2470000Z ##[error]Process completed with exit code 1.",
  `${ESC}[31;1mERROR: Job failed: exit code 1${ESC}[0;m`,
  `${ESC}[0K${ESC}[31merror[E0425]${ESC}[0m: cannot find value`,
  "error: Could not compile `app`",
  "Error: Cannot find module 'x'",
  "fatal: not a git repository",
  "src/main.c:12:5: error: expected ';'",
  "src/app.ts(3,1): error TS2304: Cannot find name 'x'.",
  "Traceback (most recent call last):",
  "ValueError: invalid literal",
  "sqlalchemy.exc.OperationalError: (psycopg.OperationalError)",
  "E       AssertionError: assert 1 == 2",
  "FAILED tests/test_a.py::test_b - assert 1 == 2",
  `test_016 ${ESC}[31mFAILED${ESC}[0m`,
  "--- FAIL: TestX (0.00s)",
  "make: *** [Makefile:3: all] Error 2",
  "npm ERR! code ELIFECYCLE",
  "[ERROR] Failed to execute goal",
  "Finished: FAILURE",
  "BUILD FAILED in 3s",
  "panic: runtime error: index out of range",
  "thread 'main' panicked at src/main.rs:2:5:",
];

const NONE = [
  "0 errors, 0 warnings",
  "no error found",
  "test_error_is_reported ok",
  "Failed: 0",
  "12 passed, 0 failed",
  "compiling error_chain v0.12",
  "-Werror -Wall",
  "exit code 0",
  "Finished: SUCCESS",
  "errors.py 12 0 100%",
  "*** welcome ***",
];

test.each(ERRORS)("%j tells of an error", (line) => {
  expect(tellsError(line)).toBe(true);
  expect(line.match(HINT)).not.toBeNull();
});

test.each(NONE)("%j does not", (line) => {
  expect(tellsError(line)).toBe(false);
});
