/** Every view by its address, fetched when it is first looked at. */
import { lazy, type ComponentType } from "react";
import type { QueryClient } from "@tanstack/react-query";
import type { IconName } from "./lib/status";

export interface View {
  path: string;
  /** As the navigation calls it; null where no navigation leads there. */
  title: string | null;
  icon: IconName;
  component: ComponentType;
  load: () => Promise<Loaded>;
}

interface Loaded {
  default: ComponentType;
  /** Asks what the view will ask for first, by the address alone: so the answers are on their way while the page is drawn. */
  ask?: (client: QueryClient, search: URLSearchParams) => void;
}

export const VIEWS: readonly View[] = [
  view("/", "Overview", "pulse", () => import("./views/overview")),
  view("/waterfall", "Waterfall", "grid", () => import("./views/waterfall")),
  view("/triage", "Triage", "warning", () => import("./views/triage")),
  view("/me", "My builds", "person", () => import("./views/me")),
  view("/pipelines", "Pipelines", "layers", () => import("./views/pipelines")),
  view("/sources", "Sources", "plug", () => import("./views/sources")),
  view("/alerts", "Alerts", "bell", () => import("./views/alerts")),
  view("/builds/:id", null, "list", () => import("./views/build")),
  view("/pipelines/:id", null, "layers", () => import("./views/pipeline")),
  view("/incidents/:id", null, "warning", () => import("./views/incident")),
];

/** The view of this address is there at once when the page is drawn, and its first questions are asked. */
export async function prepare(client: QueryClient, { pathname, search }: Pick<Location, "pathname" | "search">): Promise<void> {
  const pattern = pathname.replace(/(?<=.)\/$/, "").replace(/\/\d+$/, "/:id");
  const wanted = VIEWS.find(({ path }) => path === pattern);
  if (wanted === undefined) return;
  // One that cannot be fetched now is tried once more in its place, and says so there.
  const loaded = await wanted.load().catch(() => null);
  if (loaded === null) return;
  wanted.component = loaded.default;
  loaded.ask?.(client, new URLSearchParams(search));
}

function view(path: string, title: string | null, icon: IconName, load: View["load"]): View {
  return { path, title, icon, load, component: lazy(load) };
}
