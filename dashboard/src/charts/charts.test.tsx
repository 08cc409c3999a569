// @vitest-environment happy-dom
import { act, fireEvent, render, screen } from "@testing-library/react";
import { beforeAll, afterEach, describe, expect, it, vi } from "vitest";
import { cleanup } from "@testing-library/react";
import { StackedBars, partAt, type Bar } from "./stacked_bars";
import { Lines } from "./lines";

/** As a browser's: tells each element's size once it is looked at; happy-dom's never does. */
class Observer implements ResizeObserver {
  constructor(private readonly tell: ResizeObserverCallback) {}
  observe(target: Element): void {
    queueMicrotask(() => act(() => this.tell([{ target } as ResizeObserverEntry], this)));
  }
  unobserve(): void {}
  disconnect(): void {}
}

beforeAll(() => {
  vi.stubGlobal("ResizeObserver", Observer);
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 640 });
});
afterEach(cleanup);

const BARS: Bar[] = [0, 1].map((at) => ({
  start: new Date(2026, 10, 20, at),
  label: `hour ${at}`,
  parts: [
    { key: "failed", word: "Failed", tone: "bad", count: at + 1 },
    { key: "succeeded", word: "Succeeded", tone: "good", count: 10 },
    { key: "cancelled", word: "Cancelled", tone: "none", count: 0 },
  ],
}));

describe("bars", () => {
  it("are read out by arrow keys, and a part of one is opened by Enter", async () => {
    const onPick = vi.fn();
    render(<StackedBars label="Outcomes" bars={BARS} onPick={onPick} />);
    const hand = await screen.findByRole("slider");
    fireEvent.keyDown(hand, { key: "Home" });
    expect(hand.getAttribute("aria-valuetext")).toBe("hour 0: Failed 1, Succeeded 10");
    fireEvent.keyDown(hand, { key: "ArrowRight" });
    fireEvent.keyDown(hand, { key: "ArrowUp" });
    expect(hand.getAttribute("aria-valuetext")).toBe("hour 1: Failed 2");
    fireEvent.keyDown(hand, { key: "Enter" });
    expect(onPick).toHaveBeenCalledWith(1, "failed");
  });

  it("are told as a table to those who cannot see them", () => {
    render(<StackedBars label="Outcomes" bars={BARS} onPick={vi.fn()} />);
    expect(screen.getByRole("table", { name: "Outcomes" }).textContent).toContain("hour 1");
  });

  it("are opened where they are clicked: the part, or all of it above", () => {
    expect(partAt(BARS[1], 1.5)?.key).toBe("failed");
    expect(partAt(BARS[1], 5)?.key).toBe("succeeded");
    expect(partAt(BARS[1], 50)).toBeUndefined();
  });
});

describe("lines", () => {
  it("say so where a bucket has no durations", async () => {
    const points = [{ start: new Date(2026, 10, 20), label: "hour 0", low: null, high: null, builds: 0 }];
    render(<Lines label="Durations" points={points} lowWord="p50" highWord="p95" shown={String} />);
    expect((await screen.findByRole("slider")).getAttribute("aria-valuetext")).toBe("hour 0: no builds with a duration");
  });
});
