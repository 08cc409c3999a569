/** Whose builds and from when: one field for each filter. */
import { useEffect, useId, useMemo, useState, type ReactElement } from "react";
import { escaped } from "~/api/request";
import type { Authors, Sources } from "~/api/types";
import { useGet } from "~/api/use";
import { MOST_PAGES, useAll } from "~/api/use_pages";
import { providerName } from "~/lib/provider";
import { UNFETCHED, noteOf, useBranches, useProjects, useRepositories } from "~/shell/known";
import { useParameters } from "~/state/url";
import { Combobox } from "~/ui/combobox";
import { named, type Option } from "~/ui/options";
import { valuesOf, type FilterName } from "./filter";

const TYPING_MS = 250;
const FEW = 20;

export function FilterFields({ fixed }: { fixed: readonly FilterName[] }): ReactElement {
  return (
    <div className="filters-fields">
      {!fixed.includes("provider") && <Provider />}
      {!fixed.includes("instance") && <Instance />}
      {!fixed.includes("project") && <Project />}
      {!fixed.includes("repository") && <Repository />}
      {!fixed.includes("branch") && <Branch />}
      <Author />
      <Moment label="Queued from" name="from" />
      <Moment label="Queued until" name="to" />
    </div>
  );
}

/** There are as many as we can read, so that they need no search. */
function Provider(): ReactElement {
  const { value, values, choose } = useChoice("provider");
  const { data, isError } = useSources(true);
  const known = named(data?.pages.flatMap((page) => page.sources.map((source) => source.provider)) ?? [], values);
  return (
    <label className="field">
      Provider
      <select className="input" value={value ?? ""} onChange={(event) => choose(event.target.value === "" ? null : event.target.value)}>
        <option value="">Any</option>
        {values.length > 1 && <option value={value ?? ""} disabled>{values.map(providerName).join(", ")}</option>}
        {data === undefined && isError && <option disabled>{UNFETCHED}</option>}
        {known.map((option) => <option key={option.value} value={option.value ?? ""}>{providerName(option.value ?? "")}</option>)}
      </select>
    </label>
  );
}

function Instance(): ReactElement {
  const [isWanted, want] = useState(false);
  const answer = useSources(isWanted);
  const { values } = useChoice("instance");
  const options = useMemo(() => named(answer.data?.pages.flatMap((page) => page.sources.map((source) => source.instance)) ?? [], values), [answer.data, values]);
  return <Choice label="Instance" name="instance" options={options} note={noteOf(answer, isWanted)} onOpen={() => want(true)} />;
}

function Project(): ReactElement {
  const [isWanted, want] = useState(false);
  const answer = useProjects(isWanted);
  const { values } = useChoice("project");
  const options = useMemo(() => named(answer.data?.keys ?? [], values), [answer.data, values]);
  return <Choice label="Project" name="project" options={options} note={noteOf(answer, isWanted)} onOpen={() => want(true)} />;
}

function Repository(): ReactElement {
  const { get } = useParameters();
  const [isWanted, want] = useState(false);
  const { options, note } = useRepositories({ project: get("project") }, isWanted);
  return <Choice label="Repository" name="repository" options={options} note={note} onOpen={() => want(true)} />;
}

function Branch(): ReactElement {
  const { get } = useParameters();
  const [isWanted, want] = useState(false);
  const { options, note } = useBranches({ project: get("project"), repository: get("repository") }, isWanted);
  return <Choice label="Branch" name="branch" options={options} note={note} isFree onOpen={() => want(true)} />;
}

/** Nobody can list everybody who ever committed: who is looked for is asked for. */
function Author(): ReactElement {
  const [typed, type] = useState("");
  const asked = useRested(typed.trim());
  const { data, isError } = useGet<Authors>("/api/authors", { q: asked, limit: FEW }, { enabled: asked !== "", refetchInterval: false });
  const options = useMemo(() => named(asked === "" ? [] : (data?.authors.map((one) => one.name) ?? []), []), [data, asked]);
  const note = data === undefined ? (isError ? UNFETCHED : "Fetching…") : null;
  return <Choice label="Author" name="author" options={options} note={asked === "" ? "Type a part of the name." : note} isFree onType={type} />;
}

interface ChoiceProps {
  label: string;
  name: FilterName;
  options: readonly Option[];
  note: string | null;
  isFree?: boolean;
  onOpen?: () => void;
  onType?: (text: string) => void;
}

function Choice({ label, name, ...rest }: ChoiceProps): ReactElement {
  const { value, choose } = useChoice(name);
  return (
    <div className="field">
      <span aria-hidden="true">{label}</span>
      <Combobox label={label} all="Any" value={value} onChoose={choose} {...rest} />
    </div>
  );
}

interface Chosen {
  /** Several at once are named, though one at a time is chosen here. */
  value: string | null;
  values: readonly string[];
  choose: (value: string | null) => void;
}

function useChoice(name: FilterName): Chosen {
  const { get, set } = useParameters();
  const text = get(name);
  const values = useMemo(() => valuesOf(text), [text]);
  return { value: values.length === 0 ? null : values.join(", "), values, choose: (value) => set({ [name]: value === null ? null : escaped(value) }) };
}

/** As the rest of the page asks for them, so that it is one question. */
function useSources(isWanted: boolean): ReturnType<typeof useAll<Sources>> {
  return useAll<Sources>("/api/sources", {}, { most: MOST_PAGES, enabled: isWanted });
}

/** What is typed, once the typing rests. */
function useRested(text: string): string {
  const [rested, rest] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => rest(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}

/** Nobody asks for builds of before. */
const FIRST_YEAR = 1970;

function Moment({ label, name }: { label: string; name: "from" | "to" }): ReactElement {
  const { get, set } = useParameters();
  const at = get(name);
  const isInstant = at !== null && !Number.isNaN(Date.parse(at));
  // What is typed stays in the field until it can be asked for: a year comes digit by digit.
  const [typed, type] = useState<string | null>(null);
  const [seen, see] = useState(at);
  if (seen !== at) {
    see(at);
    type(null);
  }
  const isTurned = (next: string | null): boolean => (name === "from" ? isTurnedRound(next, get("to")) : isTurnedRound(get("from"), next));
  const isWrong = isTurned(instantOf(typed));
  const change = (value: string): void => {
    type(value);
    const next = instantOf(value);
    if (value === "" || (next !== null && !isTurned(next))) set({ [name]: next }, { replace: true });
  };
  const id = useId();
  return (
    <label className="field filters-moment">
      {label}
      <input className="input" type="datetime-local" value={typed ?? (isInstant ? localInput(new Date(at)) : "")} aria-invalid={isWrong} aria-describedby={isWrong ? id : undefined} onChange={(event) => change(event.target.value)} />
      {isWrong && <small id={id} role="alert" className="field-wrong">{name === "from" ? "Must be before “Queued until”." : "Must be after “Queued from”."}</small>}
    </label>
  );
}

/** Null of nothing, and of a year that is only being typed. */
function instantOf(typed: string | null): string | null {
  const at = new Date(typed ?? "");
  return at.getFullYear() >= FIRST_YEAR ? at.toISOString() : null;
}

/** Whether a span would end before it begins. */
function isTurnedRound(from: string | null, to: string | null): boolean {
  return from !== null && to !== null && Date.parse(from) >= Date.parse(to);
}

/** As the browser's own field writes an instant: by the clock on the wall, without a zone. */
function localInput(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
