/** What a view shows while there is nothing yet, nothing at all, or something wrong. */
import type { ReactElement, ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Refused } from "~/api/request";
import type { IconName } from "~/lib/status";
import { Icon } from "./icon";
import { Instant } from "./instant";

export function Blank({ icon = "info", title, children }: { icon?: IconName; title: string; children?: ReactNode }): ReactElement {
  return (
    <div className="blank">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

export function Loading({ rows = 4, words = "Loading" }: { rows?: number; words?: string }): ReactElement {
  return (
    <div className="stack tight" role="status" aria-label={words} data-loading>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="skeleton" style={{ inlineSize: `${92 - ((row * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function Failure({ error, again }: { error: unknown; again?: () => void }): ReactElement {
  const refused = error instanceof Refused ? error : undefined;
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{refused?.problem.title ?? "Something went wrong in this page"}</strong>
        <p className="foreign">{error instanceof Error ? error.message : String(error)}</p>
        {refused?.problem.errors?.map((wrong) => (
          <p key={`${wrong.field} ${wrong.message}`} className="foreign">
            <code>{wrong.field}</code> {wrong.message}
          </p>
        ))}
        {refused?.problem.request_id && <small className="quiet">request {refused.problem.request_id}</small>}
      </div>
      {again && (
        <button type="button" className="button push" onClick={again}>
          <Icon name="refresh" /> Try again
        </button>
      )}
    </div>
  );
}

/** The answer where there is one, with its age where the latest question came to nothing; else why not. */
export function Answered<Answer>({ of, rows = 4, children }: { of: UseQueryResult<Answer>; rows?: number; children: (answer: Answer) => ReactNode }): ReactNode {
  if (of.data !== undefined) {
    return (
      <>
        {of.isError && <Older at={of.dataUpdatedAt} again={() => void of.refetch()} />}
        {children(of.data)}
      </>
    );
  }
  if (of.isError) return <Failure error={of.error} again={() => void of.refetch()} />;
  return <Loading rows={rows} />;
}

function Older({ at, again }: { at: number; again: () => void }): ReactElement {
  return (
    <p className="row quiet" role="status" data-older>
      <Icon name="clock" />
      <small>As of <Instant at={new Date(at).toISOString()} />: it could not be refreshed.</small>
      <button type="button" className="button plain push" onClick={again}>Try again</button>
    </p>
  );
}
