/** A choice among many: a button that opens a field to type in, and below it what matches. All of it by keyboard. */
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { Icon } from "./icon";
import { matching, stepped, type Option } from "./options";
import "./combobox.css";

interface Props {
  label: string;
  value: string | null;
  options: readonly Option[];
  onChoose: (value: string | null) => void;
  /** What is chosen where nothing is; without it something has to be. */
  all?: string;
  /** What is typed can be chosen, though nobody knows it. */
  isFree?: boolean;
  /** Why there may be more than is listed, or nothing yet. */
  note?: string | null;
  onOpen?: () => void;
  onType?: (text: string) => void;
}

export function Combobox({ label, value, options, onChoose, all, isFree = false, note = null, onOpen, onType }: Props): ReactElement {
  const id = useId();
  const popover = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [place, setPlace] = useState(0);
  const shown = matching(options, text, { all, isFree });
  // What is offered may become less while somebody chooses.
  const here = Math.min(place, shown.length - 1);
  const anchor = `--choice-${id.replaceAll(/[^a-zA-Z0-9]/g, "")}`;

  const type = (typed: string): void => {
    setText(typed);
    setPlace(0);
    onType?.(typed);
  };
  const toggled = (state: string): void => {
    setOpen(state === "open");
    type("");
    if (state !== "open") return;
    onOpen?.();
    setPlace(Math.max(0, matching(options, "", { all, isFree }).findIndex((option) => option.value === value)));
  };
  useEffect(() => {
    if (isOpen) field.current?.focus();
  }, [isOpen]);
  const choose = (option: Option | undefined): void => {
    if (option === undefined) return;
    popover.current?.hidePopover();
    onChoose(option.value);
  };
  const press = (event: KeyboardEvent): void => {
    // Keys of the view do not hear what is pressed here; Escape closes the popover by itself.
    event.stopPropagation();
    // Enter and the arrows choose among the input method's own words first.
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") choose(shown[here]);
    const next = stepped(event.key, here, shown.length);
    if (next === null) return;
    event.preventDefault();
    setPlace(next);
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <>
      <button
        type="button"
        className="input combobox"
        popoverTarget={id}
        aria-haspopup="dialog"
        title={value ?? undefined}
        style={{ anchorName: anchor } as object}
      >
        <span className="visually-hidden">{label}: </span>
        <span className={value === null ? "clip" : "clip foreign combobox-chosen"}>{value ?? all ?? label}</span>
        <Icon name="down" />
      </button>
      <div
        ref={popover}
        id={id}
        popover="auto"
        role="dialog"
        aria-label={label}
        className="menu combobox-menu"
        style={{ positionAnchor: anchor } as object}
        onToggle={(event) => toggled(event.newState)}
      >
        {isOpen && (
          <>
            <input
              ref={field}
              className="input"
              role="combobox"
              aria-label={label}
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-activedescendant={shown.length > 0 ? `${id}-${here}` : undefined}
              aria-autocomplete="list"
              autoComplete="off"
              spellCheck={false}
              placeholder={`Find: ${label.toLowerCase()}`}
              value={text}
              onChange={(event) => type(event.target.value)}
              onKeyDown={press}
            />
            <div id={`${id}-list`} role="listbox" aria-label={label} className="combobox-list">
              {shown.map((option, index) => (
                // The field keeps the focus and hears the keys.
                // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- see above
                <div
                  key={option.value ?? ""}
                  id={`${id}-${index}`}
                  role="option"
                  aria-selected={option.value === value}
                  className="choice"
                  data-here={index === here || undefined}
                  onPointerMove={() => setPlace(index)}
                  onClick={() => choose(option)}
                >
                  <span className="foreign">{option.words ?? option.value}</span>
                  {option.note !== undefined && <small className="quiet push">{option.note}</small>}
                </div>
              ))}
            </div>
            {shown.length === 0 && note === null && <p className="combobox-note quiet">Nothing matches.</p>}
            {note !== null && <p className="combobox-note quiet" role="status">{note}</p>}
          </>
        )}
      </div>
    </>
  );
}
