/** Every view by its address, fetched when it is first looked at. */
import type { ComponentType } from "react";
import type { QueryClient } from "@tanstack/react-query";
import type { IconName } from "./lib/status";

export interface View {
  path: string;
  /** As the navigation calls it; null where no navigation leads there. */
  title: string | null;
  icon: IconName;
  load: () => Promise<Loaded>;
  /** Null until its script is here. */
  component: ComponentType | null;
}

interface Loaded {
  default: ComponentType;
  /** Asks what the view will ask for first, by the address alone: so the answers are on their way while the page is drawn. */
  ask?: (client: QueryClient, search: URLSearchParams) => void;
}

export const VIEWS: readonly View[] = [
  viewAt("/", "Overview", "pulse", () => import("./views/overview")),
  viewAt("/waterfall", "Waterfall", "grid", () => import("./views/waterfall")),
  viewAt("/triage", "Triage", "warning", () => import("./views/triage")),
  viewAt("/me", "My builds", "person", () => import("./views/me")),
  viewAt("/pipelines", "Pipelines", "layers", () => import("./views/pipelines")),
  viewAt("/sources", "Sources", "plug", () => import("./views/sources")),
  viewAt("/alerts", "Alerts", "bell", () => import("./views/alerts")),
  viewAt("/builds/:id", null, "list", () => import("./views/build")),
  viewAt("/pipelines/:id", null, "layers", () => import("./views/pipeline")),
  viewAt("/incidents/:id", null, "warning", () => import("./views/incident")),
];

/** The view of this address is there at once when the page is drawn, and its first questions are asked. */
export async function prepare(client: QueryClient, { pathname, search }: Pick<Location, "pathname" | "search">): Promise<void> {
  const pattern = pathname.replace(/(?<=.)\/$/, "").replace(/\/\d+$/, "/:id");
  const wanted = VIEWS.find(({ path }) => path === pattern);
  if (wanted === undefined) return;
  // One that cannot be fetched now is tried once more in its place, and says so there.
  const loaded = await fetchView(wanted).catch(() => null);
  loaded?.ask?.(client, new URLSearchParams(search));
}

/** Once its script is here, a view is drawn in the moment somebody comes to it. */
export async function fetchView(view: View): Promise<Loaded> {
  const loaded = await view.load();
  view.component = loaded.default;
  return loaded;
}

function viewAt(path: string, title: string | null, icon: IconName, load: View["load"]): View {
  return { path, title, icon, load, component: null };
}
