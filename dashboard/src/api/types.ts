/** The shapes of answers, as the API's own description has them. */
import type { components } from "./schema";

type Shapes = components["schemas"];

export type Build = Shapes["Build"];
export type OneBuild = Shapes["OneBuild"];
export type Attempt = Shapes["Attempt"];
export type Job = Shapes["Job"];
export type BuildEvent = Shapes["Event"];
export type Builds = Shapes["Builds"];
export type Jobs = Shapes["Jobs"];
export type Events = Shapes["Events"];
export type Commit = Shapes["Commit"];
export type Incident = Shapes["Incident"];
export type Incidents = Shapes["Incidents"];
export type OneIncident = Shapes["OneIncident"];
export type Decisions = Shapes["Decisions"];
export type RouteDecision = Shapes["RouteDecision"];
export type Overview = Shapes["Overview"];
export type Bucket = Shapes["Bucket"];
export type Spread = Shapes["Spread"];
export type Change = Shapes["Change"];
export type Triage = Shapes["Triage"];
export type JobGroup = Shapes["JobGroup"];
export type Grid = Shapes["Grid"];
export type GridRow = Shapes["GridRow"];
export type Pipeline = Shapes["Pipeline"];
export type Pipelines = Shapes["Pipelines"];
export type OnePipeline = Shapes["OnePipeline"];
export type Duration = Shapes["Duration"];
export type Durations = Shapes["Durations"];
export type PipelineFigures = Shapes["PipelineFigures"];
export type Repository = Shapes["Repository"];
export type Repositories = Shapes["Repositories"];
export type Project = Shapes["Project"];
export type Projects = Shapes["Projects"];
export type Branch = Shapes["Branch"];
export type Branches = Shapes["Branches"];
export type Authors = Shapes["Authors"];
export type Source = Shapes["Source"];
export type Sources = Shapes["Sources"];
export type StaleSource = Shapes["StaleSource"];
export type Problem = Shapes["Problem"];
export type Session = Shapes["Session"];

export type Status = NonNullable<Build["status"]>;
