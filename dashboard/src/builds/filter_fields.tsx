/** Whose builds and from when: one field for each filter. */
import { useEffect, useId, useMemo, useState, type ReactElement } from "react";
import type { Authors, Branches, Projects, Repositories, Sources } from "~/api/types";
import { useGet } from "~/api/use";
import { providerName } from "~/lib/provider";
import { useParameters } from "~/state/url";
import { escaped } from "~/api/request";
import { valuesOf, type FilterName } from "./filter";

const TYPING_MS = 400;

export function FilterFields({ fixed }: { fixed: readonly FilterName[] }): ReactElement {
  const { get } = useParameters();
  const sources = useGet<Sources>("/api/sources", { limit: 200 });
  const projects = useGet<Projects>("/api/projects", { limit: 200 });
  const repositories = useGet<Repositories>("/api/repositories", { limit: 200 });
  const branches = useGet<Branches>("/api/branches", { limit: 200, repository: get("repository") });
  const list = sources.data?.sources ?? [];
  return (
    <div className="filters-fields">
      {!fixed.includes("provider") && <Pick label="Provider" name="provider" options={unique(list.map((one) => one.provider))} said={providerName} />}
      {!fixed.includes("instance") && <Pick label="Instance" name="instance" options={unique(list.map((one) => one.instance))} />}
      {!fixed.includes("project") && <Pick label="Project" name="project" options={unique(projects.data?.projects.map((one) => one.key))} />}
      {!fixed.includes("repository") && <Pick label="Repository" name="repository" options={unique(repositories.data?.repositories.map((one) => one.name))} />}
      <Text label="Branch" name="branch" options={unique(branches.data?.branches.map((one) => one.name))} />
      <Author />
      <Moment label="Queued from" name="from" />
      <Moment label="Queued until" name="to" />
    </div>
  );
}

function unique(names: readonly string[] | undefined): string[] {
  return [...new Set(names)].sort();
}

interface FieldProps {
  label: string;
  name: string;
  options: readonly string[];
}

function Pick({ label, name, options, said = String }: FieldProps & { said?: (value: string) => string }): ReactElement {
  const { get, set } = useParameters();
  const chosen = valuesOf(get(name)).join(", ");
  const known = chosen === "" || options.includes(chosen) ? options : [chosen, ...options];
  return (
    <label className="field">
      {label}
      <select className="input" value={chosen} onChange={(event) => set({ [name]: event.target.value === "" ? null : escaped(event.target.value) })}>
        <option value="">Any</option>
        {known.map((option) => <option key={option} value={option}>{said(option)}</option>)}
      </select>
    </label>
  );
}

function Author(): ReactElement {
  const [typed, type] = useState("");
  const authors = useGet<Authors>("/api/authors", { q: typed.trim(), limit: 20 }, { enabled: typed.trim() !== "", refetchInterval: false });
  const names = useMemo(() => unique(authors.data?.authors.map((one) => one.name)), [authors.data]);
  return <Text label="Author" name="author" options={names} typing={type} />;
}

/** Free text with what is known to choose from; it holds when it is left, entered or has rested. */
function Text({ label, name, options, typing }: FieldProps & { typing?: (text: string) => void }): ReactElement {
  const { get, set } = useParameters();
  const asked = valuesOf(get(name)).join(", ");
  const [text, setText] = useState(asked);
  const [seen, see] = useState(asked);
  const id = useId();
  if (seen !== asked) {
    see(asked);
    setText(asked);
  }
  useEffect(() => {
    if (text === asked) return undefined;
    const timer = setTimeout(() => {
      if (text.trim() === "" || options.includes(text.trim())) set({ [name]: text.trim() === "" ? null : escaped(text.trim()) });
      else typing?.(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, asked, name, options, set, typing]);
  const settle = (): void => {
    if (text.trim() !== asked) set({ [name]: text.trim() === "" ? null : escaped(text.trim()) });
  };
  return (
    <label className="field">
      {label}
      <input className="input" list={id} value={text} placeholder="Any" onChange={(event) => setText(event.target.value)} onBlur={settle} onKeyDown={(event) => event.key === "Enter" && settle()} />
      <datalist id={id}>{options.map((option) => <option key={option} value={option}>{option}</option>)}</datalist>
    </label>
  );
}

function Moment({ label, name }: { label: string; name: "from" | "to" }): ReactElement {
  const { get, set } = useParameters();
  const at = get(name);
  const isInstant = at !== null && !Number.isNaN(Date.parse(at));
  const change = (value: string): void => set({ [name]: value === "" ? null : new Date(value).toISOString() });
  return (
    <label className="field">
      {label}
      <input className="input" type="datetime-local" value={isInstant ? localInput(new Date(at)) : ""} onChange={(event) => change(event.target.value)} />
    </label>
  );
}

/** As the browser's own field writes an instant: by the clock on the wall, without a zone. */
function localInput(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
