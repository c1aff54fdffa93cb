import type { VirtualAddress } from "../../address.ts";
import { follow, type Links, type ListEnd } from "./linked-list.ts";

/** The known parts of a list that is too long to be read whole, in its order, each member once. */
export interface ListParts {
  /** From the head on. */
  readonly first: readonly VirtualAddress[];
  /** Around the member that counts most; empty where it lies in one of the others. */
  readonly around: readonly VirtualAddress[];
  /** Up to the tail. */
  readonly last: readonly VirtualAddress[];
  /** How the way from the head ended: `closed` where `first` is the whole list. */
  readonly end: ListEnd;
  /** Whether members that are known were left out. */
  readonly isCut: boolean;
  /** Members of the whole list, where it closes. */
  readonly length?: number;
}

/** No list of the kernel is longer: bounds the work on a hostile one. */
const MAX_KNOWN = 4096;

/**
 * Puts members that were read into the list's order.
 * @param centre a member that is kept, whatever else the limit leaves out
 * @param limit most members that are returned
 */
export function orderParts(
  head: VirtualAddress,
  headLinks: Links,
  members: ReadonlyMap<VirtualAddress, Links>,
  centre: VirtualAddress | undefined,
  limit: number,
): ListParts {
  const forward = follow(head, headLinks.flink, "flink", members, new Set(), MAX_KNOWN);
  const known = new Set(forward.members);
  const closed = forward.end === "closed";
  const back = closed ? [] : [...follow(head, headLinks.blink, "blink", members, known, MAX_KNOWN).members];
  for (const at of back) known.add(at);
  const around = centre === undefined || known.has(centre) ? [] : segment(head, centre, members, known, limit);
  const first = [...forward.members];
  const last = back.reverse();
  const isCut = first.length + around.length + last.length > limit;
  const parts = isCut ? cut(first, around, last, centre, limit) : { first, around, last };
  return { ...parts, isCut, end: forward.end, ...(closed ? { length: first.length } : {}) };
}

/** The stretch of the list that holds a member, as far as it is known, the nearest of its neighbours first. */
function segment(
  head: VirtualAddress,
  centre: VirtualAddress,
  members: ReadonlyMap<VirtualAddress, Links>,
  known: ReadonlySet<VirtualAddress>,
  limit: number,
): VirtualAddress[] {
  const links = members.get(centre);
  if (!links) return [];
  const own = new Set([...known, centre]);
  const behind = [...follow(head, links.flink, "flink", members, own, limit).members];
  for (const at of behind) own.add(at);
  const before = [...follow(head, links.blink, "blink", members, own, limit).members];
  return [...before.reverse(), centre, ...behind];
}

/** Leaves out what lies farthest from the ends and from the centre. */
function cut(
  first: readonly VirtualAddress[],
  around: readonly VirtualAddress[],
  last: readonly VirtualAddress[],
  centre: VirtualAddress | undefined,
  limit: number,
): Pick<ListParts, "first" | "around" | "last"> {
  const quarter = Math.floor(limit / 4);
  const tail = quarter > 0 ? last.slice(-quarter) : [];
  if (around.length > 0) {
    const at = around.indexOf(centre as VirtualAddress);
    const near = around.slice(Math.max(0, at - (quarter >> 1)), at + (quarter >> 1));
    return { first: first.slice(0, limit - tail.length - near.length), around: near, last: tail };
  }
  const room = limit - tail.length;
  const kept = first.slice(0, room);
  const at = centre === undefined ? -1 : first.indexOf(centre);
  // It lies behind what fits: it takes the place of the last of them.
  return at >= room
    ? { first: kept.slice(0, -1), around: [centre as VirtualAddress], last: tail }
    : { first: kept, around: [], last: keptWith(tail, last, centre) };
}

function keptWith(
  tail: readonly VirtualAddress[],
  last: readonly VirtualAddress[],
  centre: VirtualAddress | undefined,
): readonly VirtualAddress[] {
  const left = centre !== undefined && last.includes(centre) && !tail.includes(centre);
  return left ? [centre, ...tail.slice(1)] : tail;
}
