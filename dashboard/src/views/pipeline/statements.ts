/** What the figures of a pipeline say about how far it can be trusted, in sentences. Pure. */
import type { PipelineFigures } from "~/api/types";
import { count, percent, whole } from "~/lib/numbers";
import { sentence } from "~/lib/sentence";
import type { IconName, Tone } from "~/lib/status";
import { duration } from "~/lib/time";

export interface Statement {
  key: string;
  title: string;
  value: string;
  tone: Tone;
  icon: IconName;
  words: string;
  formula: string;
  links: readonly { words: string; link: string | undefined }[];
}

/** Above this share of flaky builds people stop believing red. */
const FLAKY = 0.05;

const NO_VERDICT = "No build with a verdict in the window.";

export function statementsOf(figures: PipelineFigures): Statement[] {
  return [firstTry(figures), flaky(figures), slower(figures), recovery(figures)];
}

function firstTry({ first_try: first, success_rate: rate, formula, links }: PipelineFigures): Statement {
  const gained = rate === null || first.success_rate === null ? null : rate - first.success_rate;
  const passed = `${whole(first.succeeded)} of ${count(first.verdicts, "build")} passed at the first attempt.`;
  return {
    key: "first_try",
    title: "First try",
    value: percent(first.success_rate),
    tone: "none",
    icon: "check",
    words: first.verdicts === 0 ? NO_VERDICT : `${passed}${gainedWords(gained)}`,
    formula: formula.first_try ?? "",
    links: [{ words: "Those that passed", link: links.first_try }],
  };
}

function gainedWords(gained: number | null): string {
  return gained === null || gained < 0.0005 ? " Running again gained nothing." : ` Running again gained ${(gained * 100).toFixed(1)} points.`;
}

function flaky({ flaky: of, formula, links }: PipelineFigures): Statement {
  const isFlaky = of.lower !== null && of.lower >= FLAKY;
  return {
    key: "flaky",
    title: "Flaky",
    value: percent(of.rate),
    tone: isFlaky ? "late" : "none",
    icon: "flask",
    words: flakyWords(of),
    formula: formula.flaky ?? "",
    links: of.builds > 0 ? [{ words: "Flaky builds", link: links.flaky }] : [],
  };
}

function flakyWords({ builds, verdicts, rate, lower, upper }: PipelineFigures["flaky"]): string {
  if (rate === null || lower === null || upper === null) return NO_VERDICT;
  const some = `${builds === 0 ? "No build" : whole(builds)} of ${count(verdicts, "build")}`;
  const between = `between ${percent(lower)} and ${percent(upper)}`;
  return `${some} passed right after the same commit had failed. With 95 % confidence the true share is ${between}.`;
}

function slower({ slowdown, formula }: PipelineFigures): Statement {
  const shared = { key: "slower", title: "Slower lately", icon: "clock" as const, formula: formula.slowdown ?? "" };
  if (slowdown === null) return { ...shared, value: "–", tone: "none", words: "There is no period before to compare with.", links: [] };
  const { growth, is_slower: isSlower, p_value: chance } = slowdown;
  const links = [{ words: "Builds now", link: slowdown.link }, { words: "Builds before", link: slowdown.link_before }];
  return {
    ...shared,
    value: growth === null ? "–" : isSlower ? `+${(growth * 100).toFixed(0)} %` : "no",
    tone: isSlower ? "late" : "none",
    words: `${sentence(slowdown.words)}${chanceWords(chance)}`,
    links: slowdown.builds_before > 0 ? links : links.slice(0, 1),
  };
}

function chanceWords(chance: number | null): string {
  if (chance === null) return "";
  return chance < 0.001 ? " Chance alone would do that less than once in 1,000." : ` Chance alone would do that with p = ${chance.toPrecision(2)}.`;
}

function recovery({ recovery: of, formula, links }: PipelineFigures): Statement {
  const isOpen = of.open > 0;
  return {
    key: "recovery",
    title: "Time to green",
    value: duration(of.average),
    tone: isOpen ? "bad" : "none",
    icon: isOpen ? "warning" : "pulse",
    words: `${fixedWords(of)}${redWords(of.red_seconds)}${isOpen ? ` ${count(of.open, "incident")} open at its end.` : ""}`,
    formula: formula.recovery ?? "",
    links: [
      ...(of.fixed > 0 ? [{ words: "Fixed incidents", link: links["recovery.fixed"] }] : []),
      ...(isOpen ? [{ words: "Open incidents", link: links["recovery.open"] }] : []),
    ].filter(({ link }) => link !== undefined),
  };
}

function fixedWords({ fixed, p50, average }: PipelineFigures["recovery"]): string {
  if (fixed === 0) return "Nothing was fixed in the window.";
  return `Fixed ${count(fixed, "time")}; half of those within ${duration(p50)}, on average within ${duration(average)}.`;
}

function redWords(seconds: number | null): string {
  if (seconds === null) return "";
  return seconds > 0 ? ` The default branch was red for ${duration(seconds)}.` : " The default branch was never red.";
}

export interface Quantile {
  key: "p50" | "p90" | "p95" | "p99";
  words: string;
}

export const QUANTILES: readonly Quantile[] = [
  { key: "p50", words: "Half of the builds" },
  { key: "p90", words: "9 of 10" },
  { key: "p95", words: "19 of 20" },
  { key: "p99", words: "99 of 100" },
];
