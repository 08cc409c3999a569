/** Numbers as people read them. */

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function whole(number: number): string {
  return WHOLE.format(number);
}

export function short(number: number): string {
  return number < 10_000 ? WHOLE.format(number) : SHORT.format(number);
}

/** A share as a percentage that never claims all or nothing where it is not; a dash of nothing. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return "–";
  if (share === 0 || share === 1) return `${share * 100} %`;
  const shown = Math.min(Math.max(share * 100, 0.1), 99.9);
  return `${shown.toFixed(1)} %`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${whole(number)} ${number === 1 ? one : many}`;
}
