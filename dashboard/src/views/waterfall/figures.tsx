/** Four figures of the branches that the grid shows, each with the builds or incidents behind it, and their course. */
import type { ReactElement, ReactNode } from "react";
import type { Overview } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { percent, whole } from "~/lib/numbers";
import { activeWords } from "~/lib/status";
import { duration } from "~/lib/time";
import { useScope } from "~/state/scope";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Failure, Former, Older } from "~/ui/states";
import { Notes } from "~/views/overview/notes";
import { useOverview } from "~/views/overview/use_overview";
import { IncidentsLink } from "~/views/pipeline/incidents_link";
import { AwaitedCards, NAMES } from "./awaited";
import { Course } from "./course";

interface Figure {
  name: string;
  value: string;
  about: string;
  formula: string | undefined;
  link: (children: ReactNode) => ReactNode;
}

export function Figures(): ReactElement {
  const { query, frame } = useScope();
  const overview = useOverview();
  const { data: found } = overview;
  const where = query.branch === undefined ? "all branches" : "of the branch";
  return (
    <section className="waterfall-figures" aria-label={`Figures of the ${frame.words}, ${where}`}>
      <Older of={overview} />
      {found === undefined && overview.isError ? <Failure error={overview.error} again={() => void overview.refetch()} /> : (
        <Former of={overview}>
          {found && <Notes overview={found} />}
          {found ? <Cards overview={found} of={`Of builds queued in the ${frame.words}, ${where}.`} /> : <AwaitedCards />}
          <Course overview={found} words={frame.words} />
        </Former>
      )}
    </section>
  );
}

function Cards({ overview, of }: { overview: Overview; of: string }): ReactElement {
  return <div className="waterfall-cards">{figuresOf(overview).map((figure) => <Card key={figure.name} figure={figure} of={of} />)}</div>;
}

function Card({ figure, of }: { figure: Figure; of: string }): ReactElement {
  return (
    <div className="panel">
      <div className="row">
        <span className="quiet clip">{figure.name}</span>
        <Menu label={<Icon name="info" />} words={`How ${figure.name.toLowerCase()} comes about`} className="button plain square push">
          <p className="waterfall-formula">{figure.formula} {of}</p>
        </Menu>
      </div>
      <strong>{figure.link(figure.value)}</strong>
      <small className="quiet waterfall-small" title={figure.about}>{figure.about}</small>
    </div>
  );
}

function figuresOf(of: Overview): Figure[] {
  const builds = (link: string | undefined) => (children: ReactNode) => <BuildsLink link={link}>{children}</BuildsLink>;
  return [
    { name: NAMES[0], value: percent(of.success_rate), about: `${whole(of.counts.succeeded ?? 0)} of ${whole(of.verdicts)}`, formula: of.formula.success_rate, link: builds(of.links.success_rate) },
    { name: NAMES[1], value: duration(of.duration_seconds.p50), about: `p95 ${duration(of.duration_seconds.p95)}`, formula: of.formula.duration_seconds, link: builds(of.links.duration_seconds) },
    { name: NAMES[2], value: duration(of.recovery.average), about: `${of.recovery.average === null ? "" : "average of "}${whole(of.recovery.fixed)} fixed, ${whole(of.recovery.open)} open`, formula: of.formula.recovery, link: (children) => <IncidentsLink link={of.links["recovery.fixed"]}>{children}</IncidentsLink> },
    { name: NAMES[3], value: whole(of.active.builds), about: activeWords(of.active), formula: of.formula.active, link: builds(of.links.active) },
  ];
}
