/**
 * Deterministic mutations of dumps: what a broken disk, a cut transfer or an attacker would make of
 * them. The same seed and bytes give the same result on every machine.
 */

/** A stream of pseudo-random numbers (mulberry32): [0, 1). */
export type Random = () => number;

/** Numbers from a 32-bit seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTERESTING_32 = [
  0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
  0xfffffff0, 0xfffffffe, 0xffffffff, 0x45474150,
];
const INTERESTING_64 = [
  0n,
  1n,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffff800000000000n,
  0xfffffffffffff000n,
  0xffffffffffffffffn,
];

/** One way to damage bytes. It gets a copy that it may write to. */
type Mutator = (bytes: Uint8Array, random: Random) => Uint8Array;

function below(random: Random, limit: number): number {
  return Math.floor(random() * Math.max(1, limit));
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)] as T;
}

/** Offsets near the start come more often: that is where headers, directories and lists lie. */
function somewhere(random: Random, size: number): number {
  const reach = [0x40, 0x400, 0x3000, size, size];
  return below(random, Math.min(size, pick(random, reach)));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const flipBits: Mutator = (bytes, random) => {
  for (let n = 1 + below(random, 8); n > 0; n--) {
    const at = somewhere(random, bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
  }
  return bytes;
};

const interestingValues: Mutator = (bytes, random) => {
  for (let n = 1 + below(random, 6); n > 0; n--) {
    const at = somewhere(random, bytes.length) & ~3;
    if (random() < 0.3 && at + 8 <= bytes.length) view(bytes).setBigUint64(at, pick(random, INTERESTING_64), true);
    else if (at + 4 <= bytes.length) view(bytes).setUint32(at, pick(random, INTERESTING_32), true);
  }
  return bytes;
};

const truncate: Mutator = (bytes, random) => bytes.slice(0, somewhere(random, bytes.length));

const swapBlocks: Mutator = (bytes, random) => {
  const size = Math.min(pick(random, [4, 12, 16, 64, 108, 512, 4096]), bytes.length >> 1);
  const [a, b] = [somewhere(random, bytes.length - size), somewhere(random, bytes.length - size)];
  const kept = bytes.slice(a, a + size);
  bytes.copyWithin(a, b, b + size);
  bytes.set(kept, b);
  return bytes;
};

const duplicateBlock: Mutator = (bytes, random) => {
  const size = Math.min(pick(random, [4, 12, 16, 48, 108, 0x90, 4096]), bytes.length >> 1);
  const from = somewhere(random, bytes.length - size);
  bytes.copyWithin(somewhere(random, bytes.length - size), from, from + size);
  return bytes;
};

/** Makes a count or offset large, small, or point at itself: any aligned small number may be one. */
const blowUpCounts: Mutator = (bytes, random) => {
  const data = view(bytes);
  for (let n = 1 + below(random, 4); n > 0; n--) {
    let at = somewhere(random, bytes.length) & ~3;
    for (let tries = 0; tries < 64 && at + 4 <= bytes.length; tries++, at += 4) {
      const value = data.getUint32(at, true);
      if (value === 0 || value > bytes.length) continue;
      const changes = [value * 2, value * 65_536, value - 1, value + 1, bytes.length - 1, bytes.length, at, 0xffffffff];
      data.setUint32(at, pick(random, changes) >>> 0, true);
      break;
    }
  }
  return bytes;
};

const fillBlock: Mutator = (bytes, random) => {
  const at = somewhere(random, bytes.length);
  return bytes.fill(pick(random, [0, 0xff, 0x41]), at, at + pick(random, [8, 64, 1024, 65_536]));
};

const MUTATORS: readonly (readonly [string, Mutator])[] = [
  ["flip", flipBits],
  ["value", interestingValues],
  ["truncate", truncate],
  ["swap", swapBlocks],
  ["duplicate", duplicateBlock],
  ["count", blowUpCounts],
  ["fill", fillBlock],
];

/** A damaged copy of a dump and how it was made. */
export interface Mutation {
  readonly bytes: Uint8Array;
  /** Names of the mutators applied, in order. */
  readonly made: string;
}

/** Damages a copy of `original` with one to four mutators. */
export function mutate(original: Uint8Array, seed: number): Mutation {
  const random = randomFrom(seed);
  let bytes: Uint8Array = original.slice();
  const made: string[] = [];
  for (let n = 1 + below(random, 4); n > 0; n--) {
    const [name, mutator] = pick(random, MUTATORS);
    if (bytes.length < 16) break;
    bytes = mutator(bytes, random);
    made.push(name);
  }
  return { bytes, made: made.join("+") };
}
