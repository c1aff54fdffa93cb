import type { VirtualAddress } from "../../../../shared/dump/address.ts";
import { bareDump } from "../../../../shared/dump/bare-dump.ts";
import type { CpuContext } from "../../../../shared/dump/cpu-context.ts";
import type { Dump } from "../../../../shared/dump/dump.ts";
import { isDoubleFaultAtStackEnd } from "../../../../shared/triage/instruction/stack-exhaustion.ts";

const va = (value: bigint): VirtualAddress => value as VirtualAddress;
const FLOOR = 0xffff_c054_0007_9000n;

function doubleFault(code: number, trap: bigint): Dump {
  return {
    ...bareDump(0),
    cpu: "amd64",
    bugcheck: { code, parameters: [trap, 0n, 0n, 0n] },
    threads: [{ id: 1, stack: { start: va(FLOOR), size: 0x6000 } }],
    crashingThread: 0,
  };
}

function at(sp: bigint): CpuContext {
  return { cpu: "amd64", pc: va(0x1000n), sp: va(sp), flags: 0, registers: { rsp: sp } };
}

describe("a double fault", () => {
  it.each([
    ["within a page of the stack's end", 0x7f, 8n, FLOOR + 0x1c0n, true],
    ["below it", 0x7f, 8n, FLOOR - 8n, true],
    ["rewritten for a triage dump", 0x1000007f, 8n, FLOOR - 8n, true],
    ["with stack left", 0x7f, 8n, FLOOR + 0x2000n, false],
    ["on another stack", 0x7f, 8n, FLOOR - 0x10_0000n, false],
    ["is none with another trap", 0x7f, 0n, FLOOR, false],
    ["is none with another stop code", 0x7e, 8n, FLOOR, false],
  ])("%s", (_, code, trap, sp, expected) => {
    expect(isDoubleFaultAtStackEnd(doubleFault(code, trap), at(sp))).toBe(expected);
  });
});
