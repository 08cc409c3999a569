/** The bar above a table of builds: search, filters, what is kept and shown, and each filter that is set as a chip. */
import { useEffect, useId, useState, type FormEvent, type ReactElement } from "react";
import type { Query } from "~/api/request";
import type { Status } from "~/api/types";
import { exact } from "~/lib/time";
import { STATUSES, lookOf } from "~/lib/status";
import { usePreference } from "~/state/preferences";
import { useParameters } from "~/state/url";
import { Export } from "~/ui/export";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { COLUMNS, SHAPES, columnsOr, toggled } from "./columns";
import { FilterFields } from "./filter_fields";
import { applied, chips, filtersOf, joined, noFilters, valuesOf, type FilterName } from "./filter";
import "./filters.css";

const TYPING_MS = 250;

const NONE: readonly FilterName[] = [];

/** `fixed`: filters that the page itself settles; they are not offered. */
export function BuildFilters({ query, fixed = NONE }: { query: Query; fixed?: readonly FilterName[] }): ReactElement {
  return (
    <div className="filters">
      <div className="filters-bar">
        <Search />
        <Statuses />
        <Menu label={<><Icon name="filter" /> Filter</>} className="button"><FilterFields fixed={fixed} /></Menu>
        <div className="row push">
          <SavedFilters fixed={fixed} />
          <Columns />
          <Export words="builds" lists={[{ name: "builds", path: "/api/builds", query }]} note="All builds that match, not only those in sight." />
        </div>
      </div>
      <Chips fixed={fixed} />
    </div>
  );
}

/** The address follows when the typing rests, so that not every letter is asked for. */
function Search(): ReactElement {
  const { get, set } = useParameters();
  const asked = get("q") ?? "";
  const [typed, type] = useState(asked);
  const [seen, see] = useState(asked);
  if (seen !== asked) {
    see(asked);
    // What was typed has just become what is asked: the space after a word stays.
    if (typed.trim() !== asked) type(asked);
  }
  useEffect(() => {
    if (typed.trim() === asked) return undefined;
    const timer = setTimeout(() => set({ q: typed.trim() || null }, { replace: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, asked, set]);
  return (
    <label className="filters-search">
      <Icon name="search" />
      <span className="visually-hidden">Search builds</span>
      <input className="input" type="search" placeholder="Search pipeline, branch, commit, author…" value={typed} onChange={(event) => type(event.target.value)} />
    </label>
  );
}

function Statuses(): ReactElement {
  const { get, set } = useParameters();
  const chosen = valuesOf(get("status"));
  const toggle = (status: Status): void => {
    const next = STATUSES.filter((one) => (one === status ? !chosen.includes(one) : chosen.includes(one)));
    set({ status: joined(next) });
  };
  return (
    <Menu label={<>Status{chosen.length > 0 && <span className="filters-count">{chosen.length}</span>} <Icon name="down" /></>} className="button">
      <fieldset className="filters-choices">
        <legend className="visually-hidden">Status</legend>
        {STATUSES.map((status) => {
          const look = lookOf(status);
          return (
            <label key={status} className="choice">
              <input type="checkbox" checked={chosen.includes(status)} onChange={() => toggle(status)} />
              <span className={`row tight tone-${look.tone} filters-status`}><Icon name={look.icon} /> {look.word}</span>
            </label>
          );
        })}
      </fieldset>
    </Menu>
  );
}

function Chips({ fixed }: { fixed: readonly FilterName[] }): ReactElement | null {
  const { search, set } = useParameters();
  const list = chips(search, exact, fixed);
  if (list.length === 0) return null;
  return (
    <ul className="filters-chips" aria-label="Filters that are set">
      {list.map((chip) => (
        <li key={chip.key}>
          <span className="quiet">{chip.name}</span> <span className="foreign clip" title={chip.value}>{chip.value}</span>
          <button type="button" aria-label={`Remove the filter ${chip.name} ${chip.value}`} onClick={() => set(chip.without)}><Icon name="close" /></button>
        </li>
      ))}
      {list.length > 1 && <li className="filters-clear"><button type="button" onClick={() => set(noFilters(fixed))}>Clear all</button></li>}
    </ul>
  );
}

interface Saved {
  name: string;
  filters: string;
}

function savedOr(stored: unknown): readonly Saved[] {
  return Array.isArray(stored) ? stored.filter(isSaved) : [];
}

function isSaved(one: unknown): one is Saved {
  return typeof one === "object" && one !== null && "name" in one && typeof one.name === "string" && "filters" in one && typeof one.filters === "string";
}

function SavedFilters({ fixed }: { fixed: readonly FilterName[] }): ReactElement {
  const { search, set } = useParameters();
  const [saved, keep] = usePreference("builds.filters", savedOr);
  const [name, setName] = useState("");
  const id = useId();
  const filters = filtersOf(search, fixed);
  const isSet = (one: Saved): boolean => filters !== "" && filtersOf(new URLSearchParams(one.filters), fixed) === filters;
  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() === "") return;
    keep([...saved.filter((one) => one.name !== name.trim()), { name: name.trim(), filters }]);
    setName("");
  };
  return (
    <Menu label={<Icon name="bookmark" />} words="Saved filters" className="button square plain">
      {saved.map((one) => (
        <div key={one.name} className="row">
          <button type="button" className="choice" aria-pressed={isSet(one)} onClick={() => set(applied(one.filters, fixed))}>
            <Icon name={isSet(one) ? "check" : "filter"} /> <span className="clip foreign">{one.name}</span>
          </button>
          <button type="button" className="button plain square" aria-label={`Forget the filter ${one.name}`} onClick={() => keep(saved.filter((other) => other !== one))}><Icon name="close" /></button>
        </div>
      ))}
      {saved.length === 0 && <p className="note quiet">Filters you save are kept in this browser only.</p>}
      <form className="filters-save" onSubmit={save}>
        <label className="field" htmlFor={id}>Save the filters that are set as</label>
        <div className="row tight">
          <input id={id} className="input" value={name} maxLength={60} placeholder="Broken on main" onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="button" disabled={name.trim() === "" || filters === ""}>Save</button>
        </div>
      </form>
    </Menu>
  );
}

function Columns(): ReactElement {
  const [chosen, choose] = usePreference("builds.columns", columnsOr);
  return (
    <Menu label={<Icon name="columns" />} words="Columns" className="button square plain">
      <fieldset className="filters-choices">
        <legend className="visually-hidden">Columns</legend>
        {COLUMNS.map((column) => (
          <label key={column} className="choice">
            <input type="checkbox" checked={chosen.includes(column)} disabled={SHAPES[column].isFixed === true} onChange={() => choose(toggled(chosen, column))} />
            {column === "link" ? "Link to the provider" : SHAPES[column].word}
          </label>
        ))}
      </fieldset>
      <p className="note quiet">Where there is no room for all, some stay away.</p>
    </Menu>
  );
}
