/** `GET /api/waterfall`, in the API's words. */
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type Waterfall = Shapes["Waterfall"];
export type WaterfallCommit = Shapes["WaterfallCommit"];
export type WaterfallPipeline = Shapes["WaterfallPipeline"];
export type Last = NonNullable<WaterfallPipeline["last"]> | NonNullable<WaterfallPipeline["jobs"][number]["last"]>;
