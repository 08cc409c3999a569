import { expect, test } from "vitest";
import { Feed, type StreamEvent } from "./feed";

const EPOCH = "6f1c";

function event(pos: number, prev = pos - 1): StreamEvent {
  return { type: "status", pos, prev_pos: prev, subject_kind: "build", build_id: pos, data: {} };
}

function greeted(): Feed {
  const feed = new Feed();
  feed.take({ type: "hello", epoch: EPOCH, head: 41 });
  return feed;
}

test("the first greeting asks for the present, since what was fetched may be older than the head", () => {
  expect(new Feed().take({ type: "hello", epoch: EPOCH, head: 41 })).toEqual({ isResync: true });
});

test("events pass one after the other, over the holes that a filter makes", () => {
  const feed = greeted();
  expect(feed.take(event(42)).event?.pos).toBe(42);
  expect(feed.take(event(50, 42)).event?.pos).toBe(50);
});

test("a new line goes on where the old one ended", () => {
  const feed = greeted();
  feed.take(event(42));
  expect(feed.take({ type: "hello", epoch: EPOCH, head: 60 }).say).toEqual({ type: "subscribe", epoch: EPOCH, since: 42 });
});

test("of the present nothing passes before the past was heard, so that no event comes twice", () => {
  const feed = greeted();
  feed.take(event(42));
  feed.take({ type: "hello", epoch: EPOCH, head: 43 });
  expect(feed.take(event(44)).event).toBeUndefined();
  feed.take({ type: "subscribed", since: 42 });
  expect([43, 44, 45].map((pos) => feed.take(event(pos)).event?.pos)).toEqual([43, 44, 45]);
});

test("a hole in the chain is asked for again, once", () => {
  const feed = greeted();
  expect(feed.take(event(44, 43))).toEqual({ say: { type: "subscribe", epoch: EPOCH, since: 41 } });
  expect(feed.take(event(45, 44))).toEqual({});
  feed.take({ type: "subscribed", since: 41 });
  expect(feed.take(event(42)).event?.pos).toBe(42);
});

test("after a restored database the page stands where the server says", () => {
  const feed = greeted();
  expect(feed.take({ type: "hello", epoch: "0000", head: 3 }).say).toEqual({ type: "subscribe", epoch: EPOCH, since: 41 });
  expect(feed.take({ type: "resync", epoch: "0000", head: 3 })).toEqual({ isResync: true });
  expect(feed.take(event(4)).event?.pos).toBe(4);
  expect(feed.wish()).toEqual({ type: "subscribe", epoch: "0000", since: 4 });
});
