/**
 * The two measurements behind docs/adr/0002 and 0003: how a virtual address is
 * represented, and how a step that misses is suspended.
 *
 *   npm run -s bench:choices
 *
 * Every line is `<candidate> <median ms> <ratio to the first candidate>`; the
 * candidates of one question run in turn, round by round, so that a drift of
 * the machine's speed hits all of them alike.
 */

const ROUNDS = 15;

/** Times the candidates in turn and prints medians and ratios. */
async function compare(question: string, candidates: ReadonlyArray<readonly [string, () => unknown]>): Promise<void> {
  const times = candidates.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS + 3; round++) {
    for (const [index, [, run]] of candidates.entries()) {
      const start = performance.now();
      await run();
      if (round >= 3) times[index]?.push(performance.now() - start);
    }
  }
  console.log(`# ${question}`);
  const medians = times.map((list) => list.sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN);
  for (const [index, [name]] of candidates.entries()) {
    const ms = medians[index] ?? Number.NaN;
    console.log(`${name.padEnd(44)} ${ms.toFixed(3)} ${(ms / (medians[0] ?? ms)).toFixed(2)}`);
  }
}

// --- 1. virtual addresses -------------------------------------------------
// Work of a stack scan: 64 KiB of stack, every word asked "is this inside one of 200 modules?".
const STACK_WORDS = 8192;
const MODULES = 200;
const BASE = 0xfffff80000000000n;
const stack = new DataView(new ArrayBuffer(STACK_WORDS * 8));
let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return seed / 2 ** 32;
};
for (let i = 0; i < STACK_WORDS; i++) {
  const value =
    random() < 0.2
      ? BASE + BigInt(Math.floor(random() * 0x8000000))
      : BigInt.asUintN(64, BigInt(Math.floor(random() * 2 ** 48)));
  stack.setBigUint64(i * 8, value, true);
}
const basesBig = Array.from({ length: MODULES }, (_, i) => BASE + BigInt(i * 0x80000));
const endsBig = basesBig.map((b) => b + 0x60000n);
/** A canonical address as a signed double: exact to 53 bits, so for 48-bit canonical addresses only. */
const toSigned = (b: bigint): number => Number(BigInt.asIntN(64, b));
const basesNum = basesBig.map(toSigned);
const endsNum = endsBig.map(toSigned);
const basesHi = basesBig.map((b) => Number(b >> 32n));
const basesLo = basesBig.map((b) => Number(b & 0xffffffffn));

function findBig(va: bigint): number {
  let low = 0;
  let high = MODULES - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (va < (basesBig[mid] as bigint)) high = mid - 1;
    else if (va >= (endsBig[mid] as bigint)) low = mid + 1;
    else return mid;
  }
  return -1;
}
function findNum(va: number): number {
  let low = 0;
  let high = MODULES - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (va < (basesNum[mid] as number)) high = mid - 1;
    else if (va >= (endsNum[mid] as number)) low = mid + 1;
    else return mid;
  }
  return -1;
}
function scanBig(): number {
  let hits = 0;
  for (let i = 0; i < STACK_WORDS; i++) if (findBig(stack.getBigUint64(i * 8, true)) >= 0) hits++;
  return hits;
}
function scanNum(): number {
  let hits = 0;
  for (let i = 0; i < STACK_WORDS; i++) {
    const va = stack.getInt32(i * 8 + 4, true) * 2 ** 32 + stack.getUint32(i * 8, true);
    if (findNum(va) >= 0) hits++;
  }
  return hits;
}
function scanPair(): number {
  let hits = 0;
  for (let i = 0; i < STACK_WORDS; i++) {
    const va = { hi: stack.getUint32(i * 8 + 4, true), lo: stack.getUint32(i * 8, true) };
    let low = 0;
    let high = MODULES - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const hi = basesHi[mid] as number;
      const lo = basesLo[mid] as number;
      if (va.hi < hi || (va.hi === hi && va.lo < lo)) high = mid - 1;
      else if (va.hi > hi || va.lo >= lo + 0x60000) low = mid + 1;
      else {
        hits++;
        break;
      }
    }
  }
  return hits;
}
/** bigint for the value, but a cheap 32-bit test of the high word first: what a hot loop may do. */
function scanBigFiltered(): number {
  let hits = 0;
  for (let i = 0; i < STACK_WORDS; i++) {
    const hi = stack.getUint32(i * 8 + 4, true);
    if (hi < 0xfffff800 || hi > 0xfffff800) continue;
    if (findBig(stack.getBigUint64(i * 8, true)) >= 0) hits++;
  }
  return hits;
}

// Work of page walks: 3,000 addresses, four levels, pages found in a map.
const pages = new Map<number, DataView>();
for (let i = 0; i < 512; i++) {
  const view = new DataView(new ArrayBuffer(4096));
  for (let e = 0; e < 512; e++) view.setBigUint64(e * 8, (BigInt(Math.floor(random() * 512)) << 12n) | 0x63n, true);
  pages.set(i, view);
}
const walkVas = Array.from({ length: 3000 }, () => BASE + BigInt(Math.floor(random() * 2 ** 40)));
const walkNums = walkVas.map(toSigned);
function walkBig(): number {
  let sum = 0;
  for (const va of walkVas) {
    let table = 1n << 12n;
    for (let level = 3; level >= 0; level--) {
      const index = Number((va >> BigInt(12 + 9 * level)) & 0x1ffn);
      const page = pages.get(Number(table >> 12n) & 511) as DataView;
      table = page.getBigUint64(index * 8, true) & 0x000ffffffffff000n;
    }
    sum += Number(table >> 12n);
  }
  return sum;
}
function walkNum(): number {
  let sum = 0;
  for (const va of walkNums) {
    let table = 1;
    for (let level = 3; level >= 0; level--) {
      const shift = 2 ** (12 + 9 * level);
      const index = Math.floor(va / shift) & 0x1ff;
      const page = pages.get(table & 511) as DataView;
      const lo = page.getUint32(index * 8, true);
      const hi = page.getUint32(index * 8 + 4, true) & 0xfffff;
      table = hi * 2 ** 20 + (lo >>> 12);
    }
    sum += table;
  }
  return sum;
}
/** bigint for the address, the entry read as two 32-bit words into a page number: what page-tables may do. */
function walkBigEntryNum(): number {
  let sum = 0;
  for (const va of walkVas) {
    const high = Number(va >> 32n) & 0xffff;
    const low = Number(va & 0xffffffffn);
    const indexes = [high >>> 7, ((high & 0x7f) << 2) | (low >>> 30), (low >>> 21) & 0x1ff, (low >>> 12) & 0x1ff];
    let table = 1;
    for (let level = 0; level < 4; level++) {
      const index = indexes[level] as number;
      const page = pages.get(table & 511) as DataView;
      table = (page.getUint32(index * 8 + 4, true) & 0xfffff) * 2 ** 20 + (page.getUint32(index * 8, true) >>> 12);
    }
    sum += table;
  }
  return sum;
}

// --- 2. the step runner ----------------------------------------------------
// A step that reads 2,000 records of 64 bytes, none, or each 200th of which was not yet fetched.
const RECORDS = 2000;
const data = new DataView(new ArrayBuffer(RECORDS * 64));
class Miss {
  readonly at: number;
  constructor(at: number) {
    this.at = at;
  }
}
function restart(missEvery: number): number {
  const have = new Set<number>();
  const step = (): number => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) {
      if (missEvery > 0 && i % missEvery === 0 && !have.has(i)) throw new Miss(i);
      sum += data.getUint32(i * 64, true);
    }
    return sum;
  };
  for (;;) {
    try {
      return step();
    } catch (signal) {
      if (!(signal instanceof Miss)) throw signal;
      have.add(signal.at);
    }
  }
}
function generator(missEvery: number): number {
  const have = new Set<number>();
  function* readU32(i: number): Generator<number, number> {
    if (missEvery > 0 && i % missEvery === 0 && !have.has(i)) yield i;
    return data.getUint32(i * 64, true);
  }
  function* step(): Generator<number, number> {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += yield* readU32(i);
    return sum;
  }
  const running = step();
  for (;;) {
    const next = running.next();
    if (next.done) return next.value;
    have.add(next.value);
  }
}
async function promises(missEvery: number): Promise<number> {
  const have = new Set<number>();
  const readU32 = async (i: number): Promise<number> => {
    if (missEvery > 0 && i % missEvery === 0 && !have.has(i)) {
      await undefined;
      have.add(i);
    }
    return data.getUint32(i * 64, true);
  };
  let sum = 0;
  for (let i = 0; i < RECORDS; i++) sum += await readU32(i);
  return sum;
}

await compare("stack scan: 8,192 words against 200 modules", [
  ["bigint", scanBig],
  ["bigint, high word tested as u32 first", scanBigFiltered],
  ["signed double (48-bit canonical only)", scanNum],
  ["pair of u32", scanPair],
]);
await compare("page walk: 3,000 addresses, 4 levels", [
  ["bigint", walkBig],
  ["bigint address, entries as two u32", walkBigEntryNum],
  ["signed double (48-bit canonical only)", walkNum],
]);
for (const every of [0, 200]) {
  await compare(`step runner: 2,000 record reads, ${every === 0 ? "no miss" : "10 misses"}`, [
    ["restart on a thrown signal", () => restart(every)],
    ["generator, yield on a miss", () => generator(every)],
    ["async/await on every read", () => promises(every)],
  ]);
}
