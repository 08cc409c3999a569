/** What the figures of a pipeline say about how far it can be trusted, in sentences. Pure. */
import type { PipelineFigures } from "~/api/types";
import { count, percent, whole } from "~/lib/numbers";
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

export function statementsOf(figures: PipelineFigures): Statement[] {
  return [firstTry(figures), flaky(figures), slower(figures), recovery(figures)];
}

function firstTry({ first_try: first, success_rate: rate, formula, links }: PipelineFigures): Statement {
  const gained = rate === null || first.success_rate === null ? null : rate - first.success_rate;
  const words = first.verdicts === 0 ? "No build with a verdict in the window." : `${whole(first.succeeded)} of ${count(first.verdicts, "build")} passed at the first attempt.${gainedWords(gained)}`;
  return { key: "first_try", title: "First try", value: percent(first.success_rate), tone: "none", icon: "check", words, formula: formula.first_try ?? "", links: [{ words: "Those that passed", link: links.first_try }] };
}

function gainedWords(gained: number | null): string {
  return gained === null || gained < 0.0005 ? " Running again gained nothing." : ` Running again gained ${(gained * 100).toFixed(1)} points.`;
}

function flaky({ flaky: of, formula, links }: PipelineFigures): Statement {
  const { rate, lower, upper } = of;
  const isFlaky = lower !== null && lower >= FLAKY;
  const words = rate === null || lower === null || upper === null
    ? "No build with a verdict in the window."
    : `${of.builds === 0 ? "No build" : whole(of.builds)} of ${count(of.verdicts, "build")} passed right after the same commit had failed. With 95 % confidence the true share is between ${percent(lower)} and ${percent(upper)}.`;
  return { key: "flaky", title: "Flaky", value: percent(rate), tone: isFlaky ? "late" : "none", icon: "flask", words, formula: formula.flaky ?? "", links: of.builds > 0 ? [{ words: "Flaky builds", link: links.flaky }] : [] };
}

function slower({ slowdown, formula }: PipelineFigures): Statement {
  const shared = { key: "slower", title: "Slower lately", icon: "clock" as const, formula: formula.slowdown ?? "" };
  if (slowdown === null) return { ...shared, value: "–", tone: "none", words: "There is no period before to compare with.", links: [] };
  const { growth, is_slower: isSlower, p_value: chance } = slowdown;
  const value = growth === null ? "–" : isSlower ? `+${(growth * 100).toFixed(0)} %` : "no";
  const links = [{ words: "Builds now", link: slowdown.link }, { words: "Builds before", link: slowdown.link_before }];
  return { ...shared, value, tone: isSlower ? "late" : "none", words: `${sentence(slowdown.words)}${chanceWords(chance)}`, links: slowdown.builds_before > 0 ? links : links.slice(0, 1) };
}

function chanceWords(chance: number | null): string {
  if (chance === null) return "";
  return chance < 0.001 ? " Chance alone would do that less than once in 1,000." : ` Chance alone would do that with p = ${chance.toPrecision(2)}.`;
}

function sentence(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return text.endsWith(".") ? text : `${text}.`;
}

function recovery({ recovery: of, formula, links }: PipelineFigures): Statement {
  const fixed = of.fixed === 0 ? "Nothing was fixed in the window." : `Fixed ${count(of.fixed, "time")}; half of those within ${duration(of.p50)}, on average within ${duration(of.average)}.`;
  const red = of.red_seconds === null ? "" : of.red_seconds > 0 ? ` The default branch was red for ${duration(of.red_seconds)}.` : " The default branch was never red.";
  return {
    key: "recovery",
    title: "Time to green",
    value: duration(of.average),
    tone: of.open > 0 ? "bad" : "none",
    icon: of.open > 0 ? "warning" : "pulse",
    words: `${fixed}${red}${of.open > 0 ? ` ${count(of.open, "incident")} open at its end.` : ""}`,
    formula: formula.recovery ?? "",
    links: [{ words: "Fixed incidents", link: of.fixed > 0 ? links["recovery.fixed"] : undefined }, { words: "Open incidents", link: of.open > 0 ? links["recovery.open"] : undefined }].filter(({ link }) => link !== undefined),
  };
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
