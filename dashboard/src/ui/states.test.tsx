// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider, keepPreviousData, useQuery } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Answered, standingOf } from "./states";

afterEach(cleanup);

/** Its first answer is 7, each further one an error until `isWell` again. */
function Shown({ server }: { server: { isWell: boolean } }): React.ReactElement {
  const answer = useQuery({ queryKey: ["n"], retry: false, queryFn: () => (server.isWell ? Promise.resolve(7) : Promise.reject(new Error("away"))) });
  return (
    <>
      <Answered of={answer}>{(number) => <output>{number}</output>}</Answered>
      <button type="button" onClick={() => void answer.refetch()}>Refresh</button>
    </>
  );
}

test("an answer that could not be refreshed stays, says so, and is whole again after another try", async () => {
  const server = { isWell: true };
  render(<QueryClientProvider client={new QueryClient()}><Shown server={server} /></QueryClientProvider>);
  expect((await screen.findByText("7")).tagName).toBe("OUTPUT");
  expect(screen.queryByRole("status")?.textContent ?? "").not.toContain("As of");

  server.isWell = false;
  fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
  const note = await screen.findByText(/As of/);
  expect(note.textContent).toBe("As of now: it could not be refreshed.");
  expect(screen.getByText("7")).toBeDefined();

  server.isWell = true;
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(screen.queryByText(/As of/)).toBeNull());
});

/** Doubles what it is asked for, once it is told to. */
function Doubled({ number, answer }: { number: number; answer: Promise<void> }): React.ReactElement {
  const doubled = useQuery({ queryKey: ["doubled", number], queryFn: () => answer.then(() => 2 * number), placeholderData: keepPreviousData });
  return <Answered of={doubled}>{(found) => <output>{found}</output>}</Answered>;
}

test("the answer to the question before is marked as such until the next comes, and stays where it is", async () => {
  const client = new QueryClient();
  const shown = (number: number, answer: Promise<void>): React.ReactElement => <QueryClientProvider client={client}><Doubled number={number} answer={answer} /></QueryClientProvider>;
  const { rerender } = render(shown(1, Promise.resolve()));
  const output = await screen.findByText("2");
  expect(output.closest("[aria-busy=true]")).toBeNull();

  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => { resolve = done; });
  rerender(shown(4, promise));
  expect(screen.getByText("2")).toBe(output);
  expect(output.closest("[aria-busy=true]")).not.toBeNull();

  resolve();
  expect(await screen.findByText("8")).toBe(output);
  expect(output.closest("[aria-busy=true]")).toBeNull();
});

test("several answers are as old as the oldest that could not be refreshed, and only such are asked again", () => {
  const asked: number[] = [];
  const one = (at: number, isRefetchError: boolean) => ({ isPlaceholderData: false, isRefetchError, dataUpdatedAt: at, refetch: () => asked.push(at) });

  const standing = standingOf([one(10, false), one(30, true), one(20, true)]);
  standing.refetch();

  expect(standing).toMatchObject({ isPlaceholderData: false, isRefetchError: true, dataUpdatedAt: 20 });
  expect(asked).toEqual([30, 20]);
  expect(standingOf([{ ...one(10, false), isPlaceholderData: true }, one(20, false)])).toMatchObject({ isPlaceholderData: true, isRefetchError: false });
});
