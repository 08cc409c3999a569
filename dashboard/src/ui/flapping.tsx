/** The word for an incident that flaps, and one step away what it means. */
import type { ReactElement, ReactNode } from "react";
import { flapping } from "~/lib/incident";
import { Icon } from "./icon";
import { Menu } from "./menu";

export function Flapping({ flaps, children = "flapping" }: { flaps: number; children?: ReactNode }): ReactElement {
  return (
    <Menu label={<>{children} <Icon name="question" words="what that means" /></>} className="tag late">
      <p className="note">{flapping(flaps)}</p>
    </Menu>
  );
}
