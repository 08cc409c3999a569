import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Answered } from "./states";

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
