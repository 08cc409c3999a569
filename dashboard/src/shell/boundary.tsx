/** One view that breaks takes nothing else with it. */
import { Component, type ReactNode } from "react";
import { Icon } from "~/ui/icon";
import { Failure } from "~/ui/states";
import { report } from "./report";

interface State {
  error: unknown;
}

/** What browsers say where a view's script is not to be had: the network is gone, or the server has a newer version. */
const NOT_FETCHED = /dynamically imported module|importing a module script|preload CSS/i;

export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidCatch(error: unknown): void {
    if (!isNotFetched(error)) report(error, "render");
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    if (isNotFetched(error)) return <NotFetched />;
    return <Failure error={error} again={() => this.setState({ error: null })} />;
  }
}

function isNotFetched(error: unknown): boolean {
  return error instanceof Error && NOT_FETCHED.test(error.message);
}

function NotFetched(): ReactNode {
  return (
    <div className="notice tone-late" role="alert">
      <Icon name="alert" />
      <span><strong>This part of the page could not be fetched.</strong> The network is gone, or the server has a newer version of the page.</span>
      <button type="button" className="button push" onClick={() => window.location.reload()}><Icon name="refresh" /> Load anew</button>
    </div>
  );
}
