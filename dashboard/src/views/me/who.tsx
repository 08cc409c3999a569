/** Whose builds these are: chosen once, kept in this browser. */
import { useMemo, useState, type ReactElement } from "react";
import type { Authors } from "~/api/types";
import { useGet } from "~/api/use";
import { Combobox } from "~/ui/combobox";
import { Icon } from "~/ui/icon";
import type { Names } from "./names";

export function Who({ names }: { names: Names }): ReactElement {
  return (
    <div className="me-who">
      <ul className="me-names" aria-label="Your names">
        {names.names.map((name) => (
          <li key={name} className="me-name">
            <Icon name="person" />
            <span className="foreign clip" title={name}>{name}</span>
            <button type="button" className="button plain square" aria-label={`Forget ${name}`} onClick={() => names.drop(name)}><Icon name="close" /></button>
          </li>
        ))}
      </ul>
      <AddName names={names} all="Add another name" />
      <small className="quiet me-kept">Kept in this browser only.</small>
    </div>
  );
}

export function AddName({ names, all }: { names: Names; all: string }): ReactElement {
  const [typed, type] = useState("");
  const [isWanted, want] = useState(false);
  const authors = useGet<Authors>("/api/authors", { q: typed.trim(), limit: 50 }, { enabled: isWanted, refetchInterval: false });
  const options = useMemo(
    () => authors.data?.authors.filter(({ name }) => !names.names.includes(name)).map(({ name }) => ({ value: name })) ?? [],
    [authors.data, names.names],
  );
  const note = authors.data === undefined ? (authors.isError ? "They could not be fetched." : "Fetching…") : authors.data.next_cursor === null ? null : "There are more: type a part of the name.";
  return (
    <div className="me-add">
      <Combobox label={all} value={null} options={options} note={note} onOpen={() => want(true)} onType={type} onChoose={(name) => name !== null && names.add(name)} />
    </div>
  );
}

export function Nobody({ names }: { names: Names }): ReactElement {
  return (
    <div className="panel me-nobody">
      <Icon name="person" />
      <h2>Whose builds are yours?</h2>
      <p className="quiet">Choose the name under which your commits are built; add more if you have several. It is kept in this browser only.</p>
      <AddName names={names} all="Choose your name" />
    </div>
  );
}
