/** Shapes of answers that this view alone asks for. */
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type Route = Shapes["Route"];
export type Routes = Shapes["Routes"];
export type Receiver = Shapes["Receiver"];
export type Receivers = Shapes["Receivers"];
export type Silence = Shapes["Silence"];
export type Silences = Shapes["Silences"];
export type Delivery = Shapes["Delivery"];
export type Deliveries = Shapes["Deliveries"];
