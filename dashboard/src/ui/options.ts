/** What a choice among many offers for what was typed, and where a key leads in it. Pure. */

export interface Option {
  /** Null: no choice. */
  value: string | null;
  words?: string;
  note?: string;
}

/** So many are listed; who looks for another types more of it. */
const MOST = 200;

interface How {
  all?: string | undefined;
  isFree?: boolean;
}

/** Each name once. What is chosen is among them, though it may be gone; several at once are not one that could be chosen. */
export function named(names: readonly string[], chosen: readonly string[]): Option[] {
  const all = new Set(chosen.length === 1 ? [...names, ...chosen] : names);
  return [...all].toSorted((one, other) => one.localeCompare(other)).map((value) => ({ value }));
}

/** Those that have every typed word in them; what begins as typed comes first. */
export function matching(options: readonly Option[], text: string, { all, isFree = false }: How = {}): readonly Option[] {
  const typed = text.trim().toLowerCase();
  if (typed === "") return [...(all === undefined ? [] : [{ value: null, words: all }]), ...options.slice(0, MOST)];
  const words = typed.split(/\s+/);
  const found = options.filter(({ value }) => words.every((word) => value?.toLowerCase().includes(word)));
  const first = found.filter(({ value }) => value?.toLowerCase().startsWith(typed));
  const rest = found.filter((option) => !first.includes(option));
  const own = isFree && !options.some(({ value }) => value === text.trim()) ? [{ value: text.trim(), words: `“${text.trim()}”`, note: "as typed" }] : [];
  return [...first, ...rest, ...own].slice(0, MOST);
}

/** Null: not a key that moves. */
export function stepped(key: string, place: number, count: number): number | null {
  if (count === 0) return null;
  if (key === "ArrowDown") return (place + 1) % count;
  if (key === "ArrowUp") return (place + count - 1) % count;
  if (key === "PageDown") return Math.min(count - 1, place + 8);
  if (key === "PageUp") return Math.max(0, place - 8);
  return null;
}
