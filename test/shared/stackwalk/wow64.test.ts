import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import type { Memory } from "../../../shared/dump/memory.ts";
import { NO_SYMBOLS } from "../../../shared/stackwalk/symbol-provider.ts";
import { type ThreadStack, walkThreads } from "../../../shared/stackwalk/walk-threads.ts";
import { dumpOf, memoryOf, STACK, stackOf } from "./fake-machine.ts";

/** A 32-bit process on 64-bit Windows as a 64-bit writer of dumps sees it. */

const moduleAt = (base: bigint, path: string): DumpModule => ({
  base: base as DumpModule["base"],
  size: 0x1_0000,
  path,
  identity: "absent",
});
const WOW64CPU = moduleAt(0x7400_0000n, "C:\\Windows\\System32\\wow64cpu.dll");
const PROGRAM = moduleAt(0x40_0000n, "C:\\test\\program.exe");
const NTDLL32 = moduleAt(0x7700_0000n, "C:\\Windows\\SysWOW64\\ntdll.dll");
const TEB = 0x7efd_b000n;
const RESERVED = 0x20_fd20n;
const NARROW_STACK = 0x30_0000n;
const MODULES = [WOW64CPU, PROGRAM, NTDLL32];

/** A TEB of which only TlsSlots[1] and the 32-bit TEB's stack are filled in. */
function teb(reserved: bigint, [base, limit]: readonly [number, number] = [0x30_4000, 0x30_0000]): Uint8Array {
  const bytes = new Uint8Array(0x3000);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0x1488, reserved, true);
  view.setUint32(0x2004, base, true);
  view.setUint32(0x2008, limit, true);
  return bytes;
}

/** WOW64_CPURESERVED: flags, machine, CONTEXT of x86. */
function saved(eip: number, esp: number, ebp: number, machine = 0x14c): Uint8Array {
  const bytes = new Uint8Array(4 + 0x2cc);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, machine, true);
  view.setUint32(4, 0x1002f, true);
  view.setUint32(4 + 0xb4, ebp, true);
  view.setUint32(4 + 0xb8, eip, true);
  view.setUint32(4 + 0xc4, esp, true);
  return bytes;
}

const NARROW_SLOTS = { 32: NARROW_STACK + 0x40n, 36: 0x40_2050n, 64: 0n, 68: 0x40_3050n };

function wow64Dump(memory: Memory, pc: bigint, registers: Readonly<Record<string, bigint>>): Dump {
  const sp = registers["rsp"] ?? STACK;
  const dump = dumpOf({ cpu: "amd64", pc, sp, registers, stack: stackOf({}), modules: MODULES });
  return { ...dump, memory, threads: dump.threads.map((thread) => ({ ...thread, teb: TEB as DumpModule["base"] })) };
}

function walked(dump: Dump): ThreadStack {
  const { tasks, stacks } = walkThreads(dump, NO_SYMBOLS);
  for (const task of tasks) task(undefined as never);
  return stacks[0] as ThreadStack;
}

const shown = ({ frames }: ThreadStack): string[] =>
  frames.map(({ module, rva, trust, pointerSize }) =>
    [module?.path.split("\\").pop(), rva?.toString(16), trust, pointerSize]
      .filter((part) => part !== undefined)
      .join(" "),
  );

describe("WOW64 stacks", () => {
  const inEmulation = (tebBytes: Uint8Array, context: Uint8Array): ThreadStack =>
    walked(
      wow64Dump(
        memoryOf([
          [STACK, stackOf({})],
          [TEB, tebBytes],
          [RESERVED, context],
          [NARROW_STACK, stackOf(NARROW_SLOTS, 4)],
        ]),
        WOW64CPU.base + 0x2e09n,
        { rip: WOW64CPU.base + 0x2e09n, rsp: STACK },
      ),
    );

  it("go on with the 32-bit half, from where the emulation saved its registers", () => {
    const stack = inEmulation(teb(RESERVED), saved(0x7700_1234, 0x30_0010, 0x30_0020));
    expect(shown(stack)).toEqual([
      "wow64cpu.dll 2e09 context",
      "ntdll.dll 1234 context 4",
      "program.exe 2050 frame_pointer 4",
      "program.exe 3050 frame_pointer 4",
    ]);
    expect(stack.end).toBe("bottom");
  });

  it.each([
    ["no pointer to it", teb(0n), saved(0x7700_1234, 0x30_0010, 0x30_0020)],
    ["a pointer to nowhere", teb(0x1234_5678n), saved(0x7700_1234, 0x30_0010, 0x30_0020)],
    ["a context of another CPU", teb(RESERVED), saved(0x7700_1234, 0x30_0010, 0x30_0020, 0xaa64)],
    ["no context there", teb(RESERVED), new Uint8Array(0x300)],
  ])("have one half where the memory holds %s", (_, tebBytes, context) => {
    expect(shown(inEmulation(tebBytes, context))).toEqual(["wow64cpu.dll 2e09 context"]);
  });

  it("are not led astray by a 32-bit TEB that makes no sense", () => {
    const stack = inEmulation(teb(RESERVED, [0x1000, 0xffff_f000]), saved(0x7700_1234, 0x30_0010, 0x30_0020));
    expect(stack.frames).toHaveLength(4);
  });

  it("have one half, of 32 bits, where the thread was stopped in 32-bit code", () => {
    const dump = wow64Dump(memoryOf([[NARROW_STACK, stackOf(NARROW_SLOTS, 4)]]), NTDLL32.base + 0x1234n, {
      rip: NTDLL32.base + 0x1234n,
      rsp: NARROW_STACK + 0x10n,
      rbp: NARROW_STACK + 0x20n,
    });
    expect(shown(walked(dump))).toEqual([
      "ntdll.dll 1234 context 4",
      "program.exe 2050 frame_pointer 4",
      "program.exe 3050 frame_pointer 4",
    ]);
  });
});
