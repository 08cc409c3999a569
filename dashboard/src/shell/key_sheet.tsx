/** Every key that does something here. */
import type { ReactElement } from "react";
import { useAllShortcuts } from "~/state/keys";
import { Sheet } from "~/ui/sheet";

export function KeySheet({ onClose }: { onClose: () => void }): ReactElement {
  const shortcuts = useAllShortcuts();
  const groups = [...new Set(shortcuts.map((one) => one.group))];
  return (
    <Sheet title="Keys" onClose={onClose}>
      <div className="keys">
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {shortcuts.filter((one) => one.group === group).map((one) => (
                <div key={one.keys.join(" ")}>
                  <dt>{one.words}</dt>
                  <dd>{one.keys.map((key) => <kbd key={key} title={key === "Ctrl+t" ? "Where the browser lets go of it" : undefined}>{shown(key)}</kbd>)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Sheet>
  );
}

function shown(key: string): string {
  return key.replace("Ctrl+r", "Ctrl+R").replace("Ctrl+f", "Ctrl+F").replace("Ctrl+t", "Ctrl+T").replace("Escape", "Esc");
}
