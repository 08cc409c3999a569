/** A titled part of a view. */
import { useId, type ReactElement, type ReactNode } from "react";

interface Props {
  title: ReactNode;
  /** Beside the title: how many, which window. */
  aside?: ReactNode;
  actions?: ReactNode;
  isFlush?: boolean;
  className?: string;
  children: ReactNode;
}

export function Panel({ title, aside, actions, isFlush = false, className = "", children }: Props): ReactElement {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <small className="quiet">{aside}</small>}
        {actions !== undefined && <div className="row push">{actions}</div>}
      </header>
      <div className={isFlush ? "flush" : "body"}>{children}</div>
    </section>
  );
}
