/** Where the page begins. */
// The order of layers is the order in which they are first named, so these come first.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryClientProvider } from "@tanstack/react-query";
import { newQueryClient } from "./api/use";
import { applier } from "./live/apply";
import { connect } from "./live/connection";
import { refreshOnReturn } from "./live/returning";
import { onBatch } from "./live/store";
import { register } from "./offline/register";
import { Boundary } from "./shell/boundary";
import { Shell } from "./shell/shell";
import { listenForKeys } from "./state/keys";
import { followTheme } from "./state/theme";
import { reportErrors } from "./shell/report";
import { prepare } from "./views";

const client = newQueryClient();
reportErrors();
onBatch(applier(client));
refreshOnReturn(() => client.invalidateQueries());
connect();
listenForKeys();
followTheme();
register();

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no place for the dashboard");
const page = createRoot(root);
void prepare(client, location).finally(() =>
  page.render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Boundary><Shell /></Boundary>
      </QueryClientProvider>
    </StrictMode>,
  ),
);
