/** What the signs in the cells mean. */
import { memo, type ReactElement, type ReactNode } from "react";
import { lookOf } from "~/lib/status";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { GLYPHS } from "./glyphs";

/** It never changes, though what stands beside it does with each event. */
export const Signs = memo(function Signs(): ReactElement {
  return (
    <Menu label={<><Icon name="info" /> Signs</>}>
      <ul className="waterfall-signs">
        {Object.entries(GLYPHS).map(([status, glyph]) => <Sign key={status} look={status} glyph={glyph}>{lookOf(status).word}</Sign>)}
        <Sign look="failed" glyph="A">Failed as other commits with this letter did</Sign>
        <Sign look="succeeded flaky" glyph={GLYPHS.succeeded}>With a ring: flaky, the same commit failed and passed</Sign>
        <Sign look="never" glyph="">Empty: did not run</Sign>
      </ul>
    </Menu>
  );
});

function Sign({ look, glyph, children }: { look: string; glyph: string | undefined; children: ReactNode }): ReactElement {
  return <li><span className={`c ${look}`} aria-hidden="true"><i>{glyph}</i></span> {children}</li>;
}
