/** Plain words over names, which are foreign: anywhere in them, in any case; `*` is anything between, `|` stands between alternatives. Pure. */

/** Longer than anybody writes: an address may hold anything. */
const MOST_LETTERS = 200;

/** Null where nothing is asked for. It takes no longer than a name has letters, times those of the words. */
export function matching(words: string): ((name: string) => boolean) | null {
  const alternatives = words.slice(0, MOST_LETTERS).toLowerCase().split("|").map((one) => one.trim()).filter(Boolean);
  if (alternatives.length === 0) return null;
  const pieces = alternatives.map((one) => one.split("*"));
  return (name) => {
    const lower = name.toLowerCase();
    return pieces.some((inOrder) => holds(lower, inOrder));
  };
}

/** The first place of each piece is the best one: whatever follows has the most room. */
function holds(name: string, pieces: readonly string[]): boolean {
  let from = 0;
  for (const piece of pieces) {
    const at = name.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return true;
}
