/** How the figures of the table come about. */
import type { ReactElement } from "react";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";

const FIGURES = [
  ["success_rate", "Success"],
  ["duration_seconds", "p50, p95"],
  ["flaky", "Flaky"],
  ["slowdown", "Slower"],
] as const;

export function About({ formulas }: { formulas: Readonly<Record<string, string>> }): ReactElement {
  return (
    <Menu label={<><Icon name="info" /> How to read this</>} className="button plain">
      <dl className="pipelines-about">
        <dt>Last 20 builds</dt>
        <dd>Oldest on the left. A bar’s height is its duration; the dashed line is the usual one, the median of those that succeeded. Below it stands how it ended, where that is not success.</dd>
        <dt>Verdict</dt>
        <dd>The newest one on the default branch; on any branch where no default one is known. Broken is a pipeline whose verdict is failed or timed out; the overview’s “Broken now” and triage count open incidents, and one that flaps stays open until three passes in a row.</dd>
        {FIGURES.map(([key, word]) => formulas[key] && <Formula key={key} word={word} formula={formulas[key]} />)}
      </dl>
    </Menu>
  );
}

function Formula({ word, formula }: { word: string; formula: string }): ReactElement {
  return <><dt>{word}</dt><dd>{formula}</dd></>;
}
