/** A list as a file: all of it, by the filter it is shown with, as the API writes it. */
import { Fragment, type ReactElement } from "react";
import { address, type Query } from "~/api/request";
import { Icon } from "./icon";
import { Menu } from "./menu";

interface List {
  /** Of its file, without an ending. */
  name: string;
  /** What it has, where there is more than one. */
  words?: string;
  path: string;
  /** Without `limit`: of a file that is the number of all rows. */
  query: Query;
}

interface Props {
  /** What is exported, for a screen reader. */
  words: string;
  lists: readonly List[];
  /** How the file differs from what is in sight. */
  note: string;
}

export function Export({ words, lists, note }: Props): ReactElement {
  return (
    <Menu label={<Icon name="download" />} words={`Export ${words}`} className="button square plain">
      {lists.map(({ name, words: of, path, query }) => (
        <Fragment key={path}>
          <a className="choice" href={address(path, { ...query, format: "csv" })} download={`${name}.csv`}>{of && `${of}: `}CSV, for a spreadsheet</a>
          <a className="choice" href={address(path, { ...query, format: "jsonl" })} download={`${name}.jsonl`}>{of && `${of}: `}JSON lines, for a program</a>
        </Fragment>
      ))}
      <p className="note quiet">{note}</p>
    </Menu>
  );
}
