/** What the signs in the cells mean. */
import type { ReactElement } from "react";
import { lookOf } from "~/lib/status";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { GLYPHS } from "./glyphs";

interface Sign {
  /** As a cell is called in the style sheet. */
  name: string;
  glyph: string;
  words: string;
}

const SIGNS: readonly Sign[] = [
  ...Object.entries(GLYPHS).map(([status, glyph]) => ({ name: status, glyph, words: lookOf(status).word })),
  { name: "failed alike", glyph: "A", words: "Failed as others with this letter did" },
  { name: "succeeded flaky", glyph: "✓", words: "Flaky: the same commit failed, too" },
];

export function Signs(): ReactElement {
  return (
    <Menu label={<Icon name="question" />} words="What the signs mean" className="button square plain">
      <dl className="waterfall-signs">
        {SIGNS.map(({ name, glyph, words }) => (
          <div key={name}>
            <dt className={`c ${name}`}><i aria-hidden="true">{glyph}</i></dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p className="note quiet">An empty cell: nothing of this commit was built there. In the head of a column without any: its last result.</p>
    </Menu>
  );
}
