/** Four figures of the branches that the grid shows, each with the builds or incidents behind it. */
import type { ReactElement, ReactNode } from "react";
import type { Query } from "~/api/request";
import { useGet } from "~/api/use";
import type { Overview } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { percent, whole } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { useScope } from "~/state/scope";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Answered } from "~/ui/states";
import { IncidentsLink } from "~/views/pipeline/incidents_link";

interface Figure {
  name: string;
  value: string;
  about: string;
  formula: string | undefined;
  link: (children: ReactNode) => ReactNode;
}

export function Figures({ query }: { query: Query }): ReactElement {
  const { frame } = useScope();
  const overview = useGet<Overview>("/api/metrics/overview", { ...query, since: frame.since, until: frame.until });
  const where = query.branch === undefined ? "all branches" : "of the branch";
  return (
    <section className="stack tight" aria-label={`Figures of the ${frame.words}, ${where}`}>
      {overview.isPending ? <Awaited /> : (
        <Answered of={overview}>
          {(found) => (
            <div className="waterfall-cards">
              {figuresOf(found).map((figure) => <Card key={figure.name} figure={figure} of={`Of builds queued in the ${frame.words}, ${where}.`} />)}
            </div>
          )}
        </Answered>
      )}
    </section>
  );
}

/** As large as what is to come. */
function Awaited(): ReactElement {
  return (
    <div className="waterfall-cards">
      {NAMES.map((name) => <div key={name} className="panel"><span className="quiet">{name}</span><span className="skeleton" /></div>)}
    </div>
  );
}

function Card({ figure, of }: { figure: Figure; of: string }): ReactElement {
  return (
    <div className="panel">
      <div className="row">
        <span className="quiet">{figure.name}</span>
        <Menu label={<Icon name="info" />} words={`How ${figure.name.toLowerCase()} comes about`} className="button plain square push">
          <p className="waterfall-formula">{figure.formula} {of}</p>
        </Menu>
      </div>
      <strong>{figure.link(figure.value)}</strong>
      <small className="quiet">{figure.about}</small>
    </div>
  );
}

const NAMES = ["Success rate", "Median duration", "Time to green", "Active"] as const;

function figuresOf(of: Overview): Figure[] {
  const builds = (link: string | undefined) => (children: ReactNode) => <BuildsLink link={link}>{children}</BuildsLink>;
  return [
    { name: NAMES[0], value: percent(of.success_rate), about: `of ${whole(of.verdicts)} builds with a verdict`, formula: of.formula.success_rate, link: builds(of.links.success_rate) },
    { name: NAMES[1], value: duration(of.duration_seconds.p50), about: `p95 ${duration(of.duration_seconds.p95)}`, formula: of.formula.duration_seconds, link: builds(of.links.duration_seconds) },
    { name: NAMES[2], value: duration(of.recovery.average), about: `${whole(of.recovery.fixed)} fixed, ${whole(of.recovery.open)} open`, formula: of.formula.recovery, link: (children) => <IncidentsLink link={of.links["recovery.fixed"]}>{children}</IncidentsLink> },
    { name: NAMES[3], value: whole(of.active.builds), about: `${whole(of.active.by_status.running ?? 0)} running`, formula: of.formula.active, link: builds(of.links.active) },
  ];
}
