import type { VirtualAddress } from "../../address.ts";

/** LIST_ENTRY of one member, as it was read. */
export interface Links {
  readonly flink: VirtualAddress;
  readonly blink: VirtualAddress;
}

/** How a way along a list ended: back at its head, in a circle that leaves it out, at a member that cannot be read, or by our limit. */
export type ListEnd = "closed" | "looped" | "broken" | "limit";

/** A list in its order. */
export interface OrderedList {
  /** Addresses of the members' links, each once, the head left out. */
  readonly order: readonly VirtualAddress[];
  readonly end: ListEnd;
  /** Members that only the way back from the tail reached. */
  readonly fromTail: number;
}

/**
 * Follows a doubly linked list over members that were read before. Links alone decide who belongs to it: a
 * record that merely looks like a member is not reached. Where the way forward ends too early, the
 * way back from the tail gives the rest, in its place behind the gap.
 * @param limit most members that are returned
 */
export function orderList(
  head: VirtualAddress,
  headLinks: Links,
  members: ReadonlyMap<VirtualAddress, Links>,
  limit: number,
): OrderedList {
  const forward = follow(head, headLinks.flink, "flink", members, new Set(), limit);
  if (forward.end === "closed" || forward.end === "limit") {
    return { order: [...forward.members], end: forward.end, fromTail: 0 };
  }
  const back = follow(head, headLinks.blink, "blink", members, forward.members, limit - forward.members.size);
  return {
    order: [...forward.members, ...[...back.members].reverse()],
    end: back.end === "limit" ? "limit" : forward.end,
    fromTail: back.members.size,
  };
}

/**
 * Goes one way along a list.
 * @param known members that another way found: meeting one ends this one
 */
export function follow(
  head: VirtualAddress,
  first: VirtualAddress,
  link: keyof Links,
  entries: ReadonlyMap<VirtualAddress, Links>,
  known: ReadonlySet<VirtualAddress>,
  limit: number,
): { members: Set<VirtualAddress>; end: ListEnd } {
  const members = new Set<VirtualAddress>();
  for (let at = first; at !== head; ) {
    if (members.has(at) || known.has(at)) return { members, end: "looped" };
    const entry = entries.get(at);
    if (!entry) return { members, end: "broken" };
    if (members.size >= limit) return { members, end: "limit" };
    members.add(at);
    at = entry[link];
  }
  return { members, end: "closed" };
}
