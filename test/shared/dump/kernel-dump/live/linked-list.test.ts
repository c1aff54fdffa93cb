import type { VirtualAddress } from "../../../../../shared/dump/address.ts";
import { type Links, orderList } from "../../../../../shared/dump/kernel-dump/live/linked-list.ts";

const at = (value: number): VirtualAddress => BigInt(value) as VirtualAddress;
const HEAD = at(1000);

/** A list of members 1..count that closes. */
function whole(count: number): { head: Links; members: Map<VirtualAddress, Links> } {
  const place = (index: number): VirtualAddress => (index < 1 || index > count ? HEAD : at(index));
  const members = new Map(
    Array.from({ length: count }, (_, index) => [at(index + 1), { flink: place(index + 2), blink: place(index) }]),
  );
  return { head: { flink: at(1), blink: at(count) }, members };
}

describe("the order of a linked list", () => {
  it("is that of its links, without what no link reaches", () => {
    const { head, members } = whole(4);
    members.set(at(77), { flink: at(1), blink: at(2) });
    expect(orderList(HEAD, head, members, 10)).toEqual({ order: [1, 2, 3, 4].map(at), end: "closed", fromTail: 0 });
  });

  it("goes on from the tail where a member is missing", () => {
    const { head, members } = whole(6);
    members.delete(at(3));
    expect(orderList(HEAD, head, members, 10)).toEqual({
      order: [1, 2, 4, 5, 6].map(at),
      end: "broken",
      fromTail: 3,
    });
  });

  it("leaves a circle and takes the rest from the tail, each member once", () => {
    const { head, members } = whole(6);
    members.set(at(4), { flink: at(2), blink: at(3) });
    expect(orderList(HEAD, head, members, 10)).toEqual({
      order: [1, 2, 3, 4, 5, 6].map(at),
      end: "looped",
      fromTail: 2,
    });
  });

  it("ends in a circle of both directions and by its limit", () => {
    const members = new Map([
      [at(1), { flink: at(2), blink: at(2) }],
      [at(2), { flink: at(1), blink: at(1) }],
    ]);
    expect(orderList(HEAD, { flink: at(1), blink: at(2) }, members, 10)).toEqual({
      order: [1, 2].map(at),
      end: "looped",
      fromTail: 0,
    });
    const { head, members: long } = whole(9);
    expect(orderList(HEAD, head, long, 4)).toMatchObject({ order: [1, 2, 3, 4].map(at), end: "limit" });
  });

  it("is empty where the head points to itself or nowhere", () => {
    expect(orderList(HEAD, { flink: HEAD, blink: HEAD }, new Map(), 4)).toMatchObject({ order: [], end: "closed" });
    expect(orderList(HEAD, { flink: at(5), blink: at(6) }, new Map(), 4)).toMatchObject({ order: [], end: "broken" });
  });
});
