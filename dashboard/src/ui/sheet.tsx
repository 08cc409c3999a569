/** Something on top of the page: the browser's own dialog, which keeps the focus inside and gives it back. */
import { useId, useLayoutEffect, useRef, type ReactElement, type ReactNode } from "react";
import { Icon } from "./icon";

export function Sheet({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // The browser would take the first that can have the focus, which is the way out.
    shown?.querySelector<HTMLElement>(".body :is(input, textarea, select)")?.focus();
    // Only a dialog that is closed gives the focus back; one that is taken away does not.
    return () => shown?.close();
  }, []);
  const close = (): void => dialog.current?.close();
  // Told late: by then it may be open again.
  const closed = (): void => {
    if (dialog.current?.open !== true) onClose();
  };
  return (
    // A click on the dialog itself is one beside its content.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- Escape closes it, too
    <dialog ref={dialog} className="sheet" aria-labelledby={id} onClose={closed} onClick={(event) => event.target === dialog.current && close()}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="button plain square" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="body">{children}</div>
    </dialog>
  );
}
