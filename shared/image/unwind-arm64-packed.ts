import type { Arm64Code, Arm64Unwind } from "./unwind-arm64-codes.ts";

/**
 * Packed unwind words of ARM64: functions whose prologue follows the canonical order, told by eight fields.
 * https://learn.microsoft.com/cpp/build/arm64-exception-handling#packed-unwind-data
 */

/** Flag of a part of a function, without prologue and epilogue. */
const FRAGMENT = 2;
/** Larger frames need two instructions to be allocated. */
const ONE_SUBTRACTION = 4080;
/** Up to here the frame is allocated by the store of frame pointer and link register. */
const ONE_STORE = 512;

/** The steps of a packed word. */
export function packedCodes(begin: number, data: number): Arm64Unwind {
  const length = ((data >>> 2) & 0x7ff) * 4;
  const fpRegisters = (data >>> 13) & 7;
  const intRegisters = (data >>> 16) & 15;
  const homes = ((data >>> 20) & 1) !== 0;
  const chain = (data >>> 21) & 3;
  const frameSize = (data >>> 23) * 16;
  const intBytes = intRegisters * 8 + (chain === 1 ? 8 : 0);
  const fpBytes = fpRegisters > 0 ? (fpRegisters + 1) * 8 : 0;
  const saved = (intBytes + fpBytes + (homes ? 64 : 0) + 15) & ~15;
  const locals = Math.max(0, frameSize - saved);

  // In the order of the prologue, then turned round.
  const stores: Arm64Code[] = [];
  const registers = [...Array.from({ length: intRegisters }, (_, index) => 19 + index), ...(chain === 1 ? [30] : [])];
  for (let at = 0; at < registers.length; at += 2) {
    const both = registers.slice(at, at + 2).map((register, index): [number, number] => [register, (at + index) * 8]);
    stores.push({ restore: both });
  }
  for (let at = 0; at < fpBytes; at += 16) stores.push({ special: "nop" });
  const homing: Arm64Code[] = homes ? Array.from({ length: 4 }, (): Arm64Code => ({ special: "nop" })) : [];
  const first = stores[0] ?? homing[0];
  const withWriteback = (code: Arm64Code): Arm64Code => (code === first && saved > 0 ? { ...code, add: saved } : code);
  const frame = frameCodes(chain, locals);
  const signed: Arm64Code[] = chain === 2 ? [{ special: "strip" }] : [];
  const prolog = [...signed, ...[...stores, ...homing].map(withWriteback), ...frame];
  // Epilogues do not read homed arguments back.
  const epilog = [...signed, ...stores.map(withWriteback), ...frame].reverse();
  const hasProlog = (data & 3) !== FRAGMENT;
  return {
    begin,
    length,
    codes: prolog.reverse(),
    hasProlog,
    epilogs: hasProlog ? [{ start: length - (epilog.length + 1) * 4, codes: epilog }] : [],
  };
}

/** The local area and the frame chain, in the order of the prologue. */
function frameCodes(chain: number, locals: number): Arm64Code[] {
  const linked: readonly (readonly [number, number])[] = [
    [29, 0],
    [30, 8],
  ];
  const setFp: Arm64Code = { special: "set-fp", below: 0 };
  if (chain >= 2 && locals <= ONE_STORE) return [{ restore: linked, add: locals }, setFp];
  const allocation: Arm64Code[] =
    locals > ONE_SUBTRACTION ? [{ add: ONE_SUBTRACTION }, { add: locals - ONE_SUBTRACTION }] : [{ add: locals }];
  if (locals === 0) allocation.pop();
  return chain >= 2 ? [...allocation, { restore: linked }, setFp] : allocation;
}
