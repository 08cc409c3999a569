/** What a view shows while there is nothing yet, nothing at all, or something wrong. */
import type { ReactElement, ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Refused } from "~/api/request";
import type { IconName } from "~/lib/status";
import { Icon } from "./icon";
import { Instant } from "./instant";

interface BlankProps {
  icon?: IconName;
  title: string;
  /** It is all that the view has, so its title is the page's. */
  isPage?: boolean;
  children?: ReactNode;
  /** A button that may change it. */
  action?: ReactNode;
}

export function Blank({ icon = "info", title, isPage = false, children, action }: BlankProps): ReactElement {
  return (
    <div className="blank">
      <Icon name={icon} />
      {isPage ? <h1>{title}</h1> : <strong>{title}</strong>}
      {children !== undefined && <p>{children}</p>}
      {action}
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
  const wrongs = refused?.problem.errors ?? [];
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{refused === undefined ? "Something went wrong in this page" : titleOf(refused)}</strong>
        {wrongs.length === 0 && <p className="foreign">{error instanceof Error ? error.message : String(error)}</p>}
        {wrongs.map((wrong) => (
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

/** What a server calls unprocessable is, to who reads this, a filter or an address that is not right. */
function titleOf({ status, problem }: Refused): string | undefined {
  return status === 422 ? "This cannot be asked for" : problem.title;
}

/** How what is shown stands to what is asked: as the query of it says. */
export interface Standing extends Pick<UseQueryResult, "isPlaceholderData" | "isRefetchError" | "dataUpdatedAt"> {
  refetch: () => unknown;
}

/** The answer where there is one, with its age where the latest question came to nothing; else why not. */
export function Answered<Answer>({ of, rows = 4, children }: { of: UseQueryResult<Answer>; rows?: number; children: (answer: Answer) => ReactNode }): ReactNode {
  if (of.data !== undefined) {
    return (
      <>
        <Older of={of} />
        <Former of={of}>{children(of.data)}</Former>
      </>
    );
  }
  if (of.isError) return <Failure error={of.error} again={() => void of.refetch()} />;
  return <Loading rows={rows} />;
}

/** Around what is shown of an answer: grey and busy while it is still the answer to the question before. */
export function Former({ of: { isPlaceholderData: isFormer }, children }: { of: Pick<Standing, "isPlaceholderData">; children: ReactNode }): ReactElement {
  return <div className="answer" aria-busy={isFormer || undefined}>{children}</div>;
}

/** The age of an answer that could not be refreshed; nothing of one that could. */
export function Older({ of }: { of: Standing }): ReactElement | null {
  if (!of.isRefetchError) return null;
  return (
    <p className="row quiet" role="status" data-older>
      <Icon name="clock" />
      <small>As of <Instant at={new Date(of.dataUpdatedAt).toISOString()} />: it could not be refreshed.</small>
      <button type="button" className="button plain push" onClick={() => void of.refetch()}>Try again</button>
    </p>
  );
}

/** Of several answers that are shown as one: as old as the oldest, and only what failed is asked again. */
export function standingOf(answers: readonly Standing[]): Standing {
  const failed = answers.filter(({ isRefetchError }) => isRefetchError);
  return {
    isPlaceholderData: answers.some(({ isPlaceholderData }) => isPlaceholderData),
    isRefetchError: failed.length > 0,
    dataUpdatedAt: Math.min(...failed.map(({ dataUpdatedAt }) => dataUpdatedAt)),
    refetch: () => failed.map(({ refetch }) => refetch()),
  };
}
