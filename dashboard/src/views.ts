/** Every view by its address, fetched when it is first looked at. */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";
import type { IconName } from "./lib/status";

export interface View {
  path: string;
  /** As the navigation calls it; null where no navigation leads there. */
  title: string | null;
  icon: IconName;
  component: LazyExoticComponent<ComponentType>;
}

export const VIEWS: readonly View[] = [
  { path: "/", title: "Overview", icon: "pulse", component: lazy(() => import("./views/overview")) },
  { path: "/waterfall", title: "Waterfall", icon: "grid", component: lazy(() => import("./views/waterfall")) },
  { path: "/triage", title: "Triage", icon: "warning", component: lazy(() => import("./views/triage")) },
  { path: "/me", title: "My builds", icon: "person", component: lazy(() => import("./views/me")) },
  { path: "/pipelines", title: "Pipelines", icon: "layers", component: lazy(() => import("./views/pipelines")) },
  { path: "/sources", title: "Sources", icon: "plug", component: lazy(() => import("./views/sources")) },
  { path: "/alerts", title: "Alerts", icon: "bell", component: lazy(() => import("./views/alerts")) },
  { path: "/builds/:id", title: null, icon: "list", component: lazy(() => import("./views/build")) },
  { path: "/pipelines/:id", title: null, icon: "layers", component: lazy(() => import("./views/pipeline")) },
  { path: "/incidents/:id", title: null, icon: "warning", component: lazy(() => import("./views/incident")) },
];
