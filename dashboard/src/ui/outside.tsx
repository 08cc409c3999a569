/** A link to a provider: only where it leads by http, never a script's. */
import type { ReactElement, ReactNode } from "react";
import { Icon } from "./icon";

export function isSafe(url: string | null | undefined): url is string {
  return typeof url === "string" && /^https?:\/\//i.test(url);
}

interface Props {
  url: string | null | undefined;
  words: string;
  /** Of a row that keys walk: no stop of the tab key. */
  isOfRow?: boolean;
  children?: ReactNode;
}

export function Outside({ url, words, isOfRow = false, children }: Props): ReactElement | null {
  if (!isSafe(url)) return null;
  return (
    <a href={url} target="_blank" rel="noreferrer noopener" title={words} className="outside" tabIndex={isOfRow ? -1 : undefined}>
      {children}
      <Icon name="link" words={words} />
    </a>
  );
}

/** The same by a key. */
export function openOutside(url: string | null | undefined): void {
  if (isSafe(url)) window.open(url, "_blank", "noopener,noreferrer");
}
