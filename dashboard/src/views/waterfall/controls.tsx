/** What narrows the grid. */
import type { ReactElement } from "react";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { NONE, type Group } from "./groups";
import { Signs } from "./signs";
import { groupName, hasRepositories } from "./spans";

interface Props {
  groups: readonly Group[];
  open: ReadonlySet<string>;
  onEdit: () => void;
}

export function Controls({ groups, open, onEdit }: Props): ReactElement {
  const { get, set } = useParameters();
  const isPlaced = hasRepositories(groups);
  const many = groups.filter((group) => group.columns.length > 1);
  const flip = (key: string): void => set({ open: (open.has(key) ? [...open].filter((one) => one !== key) : [...open, key]).join("\n") || NONE });
  return (
    <header className="waterfall-controls">
      <span className="row tight quiet waterfall-of"><Icon name="branch" /> <span className="clip foreign">{get("branch") ?? "default branches"}</span></span>
      <input type="search" className="input" placeholder="Filter columns by name" aria-label="Filter columns by name" title="Words of a name; * is anything between, | stands between alternatives" value={get("columns") ?? ""} onChange={(event) => set({ columns: event.target.value || null }, { replace: true })} />
      <Toggle name="hideGreen" words="Hide green" />
      <Toggle name="hideUnused" words="Hide never run" />
      <div className="row push">
        <Signs />
        {many.length > 0 && (
          <Menu label={<><Icon name="columns" /> Groups</>}>
            {many.map((group) => (
              <button key={group.key} type="button" className="choice" aria-pressed={open.has(group.key)} onClick={() => flip(group.key)}>
                <Icon name={open.has(group.key) ? "down" : "right"} />
                <span className="clip foreign">{groupName(group, isPlaced)}</span>
                <small className="quiet push">{group.columns.length}</small>
              </button>
            ))}
            <hr />
            <button type="button" className="choice" onClick={onEdit}><Icon name="filter" /> Edit the patterns <kbd className="push">e</kbd></button>
          </Menu>
        )}
      </div>
    </header>
  );
}

function Toggle({ name, words }: { name: string; words: string }): ReactElement {
  const { get, set } = useParameters();
  const isOn = get(name) !== null;
  return (
    <button type="button" className="button" aria-pressed={isOn} onClick={() => set({ [name]: isOn ? null : "1" })}>
      <Icon name={isOn ? "check" : "eye"} /> {words}
    </button>
  );
}
