/** What one can do with a log: search it, go from error to error, follow it, take it along. */
import type { KeyboardEvent, ReactElement, RefObject } from "react";
import { address } from "~/api/request";
import { count, whole } from "~/lib/numbers";
import { Icon } from "~/ui/icon";
import type { Found } from "./search";

interface Props {
  field: RefObject<HTMLInputElement | null>;
  words: string;
  change: (words: string) => void;
  found: Found;
  /** Which of the found lines is shown, from 0. */
  place: number;
  step: (by: 1 | -1) => void;
  errors: number;
  errorPlace: number;
  toError: (by: 1 | -1) => void;
  isFollowing: boolean | null;
  follow: () => void;
  isWrapped: boolean;
  wrap: () => void;
  hasTimes: boolean | null;
  times: () => void;
  download: { build: number; attempt: number; job: number | null };
}

export function LogToolbar(props: Props): ReactElement {
  const { build, attempt, job } = props.download;
  return (
    <div className="log-tools" role="toolbar" aria-label="Log">
      <SearchField {...props} />
      {props.errors > 0 && <Errors {...props} />}
      <div className="row push">
        {props.isFollowing !== null && <Switch words="Follow" isOn={props.isFollowing} flip={props.follow} />}
        <Switch words="Wrap" isOn={props.isWrapped} flip={props.wrap} />
        {props.hasTimes !== null && <Switch words="Times" isOn={props.hasTimes} flip={props.times} />}
        <a
          className="button square plain"
          href={address(`/api/builds/${build}/log`, { attempt, job })}
          download={`build-${build}-attempt-${attempt}${job === null ? "" : `-job-${job}`}.log`}
          aria-label="Download the log"
          title="Download the log"
        >
          <Icon name="download" />
        </a>
      </div>
    </div>
  );
}

function SearchField({ field, words, change, found, place, step }: Props): ReactElement {
  const pressed = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key !== "Escape") return;
    change("");
    event.currentTarget.blur();
  };
  return (
    <div className="log-search" role="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        className="input"
        placeholder="Search the log"
        aria-label="Search the log"
        value={words}
        onChange={(event) => change(event.target.value)}
        onKeyDown={pressed}
      />
      {words !== "" && (
        <>
          <output className="number">{said(found, place)}</output>
          <Steps words="line found" step={step} isOff={found.lines.length === 0} />
        </>
      )}
    </div>
  );
}

function said({ lines, isOver }: Found, place: number): string {
  if (lines.length === 0) return isOver ? "no line" : "…";
  const all = count(lines.length, "line") + (isOver ? "" : " …");
  return place < 0 ? all : `${whole(place + 1)} of ${all}`;
}

function Errors({ errors, errorPlace, toError }: Props): ReactElement {
  return (
    <div className="log-errors">
      <button type="button" className="button" onClick={() => toError(1)}>
        <Icon name="cross" />
        {errorPlace < 0 ? `First of ${count(errors, "error")}` : `Error ${whole(errorPlace + 1)} of ${whole(errors)}`}
      </button>
      {errors > 1 && <Steps words="error" step={toError} isOff={false} />}
    </div>
  );
}

function Steps({ words, step, isOff }: { words: string; step: (by: 1 | -1) => void; isOff: boolean }): ReactElement {
  return (
    <>
      <button type="button" className="button square plain" aria-label={`Previous ${words}`} disabled={isOff} onClick={() => step(-1)}>
        <Icon name="up" />
      </button>
      <button type="button" className="button square plain" aria-label={`Next ${words}`} disabled={isOff} onClick={() => step(1)}>
        <Icon name="down" />
      </button>
    </>
  );
}

function Switch({ words, isOn, flip }: { words: string; isOn: boolean; flip: () => void }): ReactElement {
  return (
    <button type="button" className="button plain log-switch" aria-pressed={isOn} onClick={flip}>
      {words}
    </button>
  );
}
