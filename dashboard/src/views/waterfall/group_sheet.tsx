/** Groups as a person writes them: one line each. */
import { useState, type ReactElement } from "react";
import { Sheet } from "~/ui/sheet";
import { readPatterns, written, type Pattern } from "./groups";

interface Props {
  patterns: readonly Pattern[];
  onChange: (patterns: Pattern[]) => void;
  onClose: () => void;
}

export function GroupSheet({ patterns, onChange, onClose }: Props): ReactElement {
  const [text, setText] = useState(() => written(patterns));
  const found = readPatterns(text);
  return (
    <Sheet title="Groups of columns" onClose={onClose}>
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        onChange(found.patterns);
        onClose();
      }}>
        <p className="quiet">
          One group a line, <code>name = words</code>: columns whose <code>pipeline / job</code> has these words in it. <code>*</code> is
          anything between, <code>|</code> stands between alternatives, and the first line that fits wins. What none fits stays grouped
          by stage, or by what stands before a matrix.
        </p>
        <textarea className="input waterfall-patterns" rows={8} spellCheck={false} aria-label="Groups" placeholder={"linux = ubuntu | linux\nslow = integration | e2e*chrom"} value={text} onChange={(event) => setText(event.target.value)} />
        {found.mistakes.map((mistake) => <p key={mistake} className="notice tone-bad foreign" role="alert">{mistake}</p>)}
        <div className="row">
          <button type="submit" className="button primary" disabled={found.mistakes.length > 0}>Keep these groups</button>
          <button type="button" className="button" onClick={() => setText("")}>Back to the usual ones</button>
        </div>
      </form>
    </Sheet>
  );
}
