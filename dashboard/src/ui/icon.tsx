/** Icons as lines on a square of 24, drawn here: a dozen paths weigh less than a library of thousands. */
import type { ReactElement } from "react";
import type { IconName } from "~/lib/status";

const PATHS: Readonly<Record<IconName, string>> = {
  check: "M5 12.5l4.5 4.5L19 7",
  cross: "M6 6l12 12M18 6L6 18",
  clock: "M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18",
  ring: "M12 3a9 9 0 1 0 9 9",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  hand: "M9 5v14M15 5v14",
  slash: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M6 6l12 12",
  skip: "M5 6l7 6-7 6zM13 6l7 6-7 6z",
  question: "M9 9a3 3 0 1 1 4.2 2.7c-.9.4-1.2 1-1.2 2M12 17.5h.01",
  flask: "M10 3v6l-5.5 9.5A1.7 1.7 0 0 0 6 21h12a1.7 1.7 0 0 0 1.5-2.5L14 9V3M8.5 3h7M7.5 14.5h9",
  warning: "M12 4L2.5 20h19zM12 10v4.5M12 17.5h.01",
  grid: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  person: "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4.5 20.5c1-4 4-5.5 7.5-5.5s6.500 1.500 7.500 5.500",
  layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  bell: "M6 16.500V11a6 6 0 1 1 12 0v5.500l1.500 1.500h-15zM10 20.500h4",
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14M16 16l4.500 4.500",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z",
  screen: "M3 5h18v11H3zM9 20h6M12 16v4",
  refresh: "M20 5v5h-5M4 19v-5h5M19 10a7.500 7.500 0 0 0-13.500-2M5 14a7.500 7.500 0 0 0 13.500 2",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10",
  link: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  down: "M6 9l6 6 6-6",
  up: "M6 15l6-6 6 6",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  columns: "M4 5h16v14H4zM10 5v14M15 5v14",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  key: "M8 12a4 4 0 1 0 0 8a4 4 0 1 0 0-8M11 13.500L20 4.500M16 8.500l3 3",
  branch: "M7 4v12M7 16a2 2 0 1 0 0 4a2 2 0 1 0 0-4M17 4a2 2 0 1 0 0 4a2 2 0 1 0 0-4M17 8c0 5-10 3-10 8",
  commit: "M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6M3 12h6M15 12h6",
  filter: "M4 5h16l-6 8v6l-4-2v-4z",
  info: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 11v5M12 8h.01",
  offline: "M3 3l18 18M8.500 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.400M19 12a10 10 0 0 0-5-2.700M12 19.500h.01",
  alert: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 8v5M12 16h.01",
  arrow: "M5 12h14M13 6l6 6-6 6",
  eye: "M2.500 12s3.500-6.500 9.500-6.500 9.500 6.500 9.500 6.500-3.500 6.500-9.500 6.500-9.500-6.500-9.500-6.500zM12 9.500a2.500 2.500 0 1 0 0 5a2.500 2.500 0 1 0 0-5",
};

/** Decoration unless it has words: what it stands for is then said to screen readers. */
export function Icon({ name, words, spins = false }: { name: IconName; words?: string; spins?: boolean }): ReactElement {
  const said = words === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": words };
  return (
    <svg className={spins ? "icon spins" : "icon"} viewBox="0 0 24 24" {...said}>
      <path d={PATHS[name]} />
    </svg>
  );
}
