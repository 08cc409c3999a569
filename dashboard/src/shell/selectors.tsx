/** Whose builds and which span of time: kept from view to view, and in the address. */
import { useState, type ReactElement } from "react";
import { escaped } from "~/api/request";
import { valuesOf } from "~/builds/filter";
import { DEFAULT_SPAN, SPANS, useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Combobox } from "~/ui/combobox";
import { Icon } from "~/ui/icon";
import { noteOf, useBranches, useProjects, useRepositories } from "./known";

export function Selectors(): ReactElement {
  return (
    <div className="selectors" role="group" aria-label="What is looked at">
      <Project />
      <Repository />
      <Branch />
      <Window />
    </div>
  );
}

function Project(): ReactElement | null {
  const { get, set } = useParameters();
  const projects = useProjects(true);
  const keys = projects.data?.keys ?? [];
  const value = chosen(get("project"));
  if (keys.length < 2 && value === null) return null;
  const change = (project: string | null): void => set({ project: written(project), repository: null, branch: null });
  return <Combobox label="Project" all="All projects" value={value} options={keys.map((key) => ({ value: key }))} note={noteOf(projects, true)} onChoose={change} />;
}

function Repository(): ReactElement {
  const { get, set } = useParameters();
  const [isWanted, want] = useState(false);
  const { options, note } = useRepositories({ project: get("project") }, isWanted);
  const change = (repository: string | null): void => set({ repository: written(repository), branch: null });
  return <Combobox label="Repository" all="All repositories" value={chosen(get("repository"))} options={options} note={note} onOpen={() => want(true)} onChoose={change} />;
}

function Branch(): ReactElement {
  const { get, set } = useParameters();
  const [isWanted, want] = useState(false);
  const { options, note } = useBranches({ project: get("project"), repository: get("repository") }, isWanted);
  return <Combobox label="Branch" all="All branches" value={chosen(get("branch"))} options={options} note={note} isFree onOpen={() => want(true)} onChoose={(branch) => set({ branch: written(branch) })} />;
}

function Window(): ReactElement {
  const { set } = useParameters();
  const { frame } = useScope();
  const change = (name: string): void => set({ window: name === DEFAULT_SPAN ? null : name, since: null, until: null });
  return (
    <label className="span">
      <span className="visually-hidden">Window of time</span>
      <select className="input" value={frame.span ?? "own"} onChange={(event) => change(event.target.value)}>
        {Object.entries(SPANS).map(([name, span]) => (
          <option key={name} value={name}>{`Last ${span.words}`}</option>
        ))}
        {frame.span === null && <option value="own">Chosen window</option>}
      </select>
      <Icon name="down" />
    </label>
  );
}

/** Several at once are chosen elsewhere; here they are named. */
function chosen(text: string | null): string | null {
  const values = valuesOf(text);
  return values.length === 0 ? null : values.join(", ");
}

function written(value: string | null): string | null {
  return value === null ? null : escaped(value);
}
