import type { CpuArch } from "../../../shared/dump/address.ts";
import type { SymbolProvider } from "../../../shared/stackwalk/symbol-provider.ts";
import { BASE, IMAGE_SIZE, STACK, shown, stackOf, walk } from "./fake-machine.ts";

/** A handler that was called by a signal, without any unwind data: what it interrupted must come next. */

/** Of struct rt_sigframe and struct sigframe of Linux, from the stack pointer that the trampoline has. */
interface Form {
  readonly cpu: CpuArch;
  readonly code: readonly number[];
  /** Offsets of the interrupted instruction pointer, stack pointer and frame pointer. */
  readonly ip: number;
  readonly sp: number;
  readonly fp: number;
  /** Where a pointer to the context stands, and what it points to, from the same stack pointer. */
  readonly pointer?: readonly [at: number, to: number];
}

const FORMS: readonly (readonly [string, Form])[] = [
  [
    "x64",
    {
      cpu: "amd64",
      code: [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
      ip: 0x28 + 128,
      sp: 0x28 + 120,
      fp: 0x28 + 80,
    },
  ],
  [
    "x86, with siginfo",
    {
      cpu: "x86",
      code: [0xb8, 0xad, 0, 0, 0, 0xcd, 0x80],
      ip: 0x100 + 20 + 56,
      sp: 0x100 + 20 + 28,
      fp: 0x100 + 20 + 24,
      pointer: [8, 0x100],
    },
  ],
  ["x86", { cpu: "x86", code: [0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80], ip: 4 + 56, sp: 4 + 28, fp: 4 + 24 }],
  [
    "ARM64",
    {
      cpu: "arm64",
      code: [0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4],
      ip: 128 + 176 + 8 + 32 * 8,
      sp: 128 + 176 + 8 + 31 * 8,
      fp: 128 + 176 + 8 + 29 * 8,
    },
  ],
  [
    "ARM, with siginfo",
    { cpu: "arm", code: [0xad, 0x27, 0, 0xdf], ip: 128 + 32 + 60, sp: 128 + 32 + 52, fp: 128 + 32 + 44 },
  ],
  ["ARM", { cpu: "arm", code: [0x77, 0x70, 0xa0, 0xe3, 0x77, 0, 0x90, 0xef], ip: 32 + 60, sp: 32 + 52, fp: 32 + 44 }],
];

const CODE_AT = 0x2000;
const NARROW_BASE = 0x40_0000n;

/** The stack of a handler at +1080 that a signal called while +3050 ran, whose caller stands at +4050. */
function handler({ cpu, code, ip, sp, fp, pointer }: Form, options: { code?: boolean; name?: string } = {}) {
  const size = cpu === "x86" || cpu === "arm" ? 4 : 8;
  const base = size === 4 ? NARROW_BASE : BASE;
  const frame = STACK + 0x400n;
  const [at, interrupted] = [0x400, STACK + 0x2000n];
  const slots: Record<number, bigint> = {
    [at - size]: base + BigInt(CODE_AT),
    [at + ip]: base + 0x3050n,
    [at + sp]: interrupted,
    [at + fp]: interrupted + 0x20n,
    [0x2020]: 0n,
    [0x2020 + size]: base + 0x4050n,
  };
  if (pointer) slots[at + pointer[0]] = frame + BigInt(pointer[1]);
  // ARM's registers tell the handler's caller; on x86 and x64 it is what the stack starts with.
  const onStack = cpu === "x86" || cpu === "amd64";
  const registers: Record<string, bigint> = { lr: base + BigInt(CODE_AT), fp: 0n, r7: 0n };
  const image = new Uint8Array(IMAGE_SIZE);
  if (options.code !== false) image.set(code, CODE_AT);
  // What is called has its call before the return address.
  if (onStack) for (const place of [CODE_AT, 0x4050]) image[place - 5] = 0xe8;
  else if (cpu === "arm64") image.set([0, 0, 0, 0x94], 0x404c);
  const provider: SymbolProvider = {
    forModule: () => ({
      status: "found",
      lookedIn: [],
      lookup: (rva) =>
        rva === CODE_AT && options.name ? { name: options.name, rawName: options.name, rva, inlines: [] } : undefined,
      covers: () => undefined,
      cfi: (rva) =>
        rva >= 0x1000 && rva < 0x1100
          ? {
              rules: new Map(
                onStack
                  ? [
                      [".cfa", `$${cpu === "x86" ? "esp" : "rsp"} ${size} +`],
                      [".ra", `.cfa ${size} - ^`],
                    ]
                  : [
                      [".cfa", "sp"],
                      [".ra", "lr"],
                    ],
              ),
            }
          : undefined,
      frameData: () => undefined,
    }),
    image: () => ({ read: (rva, length) => image.subarray(rva, rva + length), plan: () => {} }),
  };
  const start = onStack ? frame - BigInt(size) : frame;
  return walk({
    cpu,
    os: "Linux",
    pc: base + 0x1080n,
    sp: start,
    registers: { ...registers, rsp: start, esp: start, sp: start },
    stack: stackOf(slots, size),
    modules: [{ base: base as never, size: IMAGE_SIZE, path: "/usr/lib/libc.so.6", identity: "absent" }],
    provider,
  });
}

describe("signal frames without unwind data", () => {
  it.each(FORMS)("lead to what the signal interrupted: %s", (_, form) => {
    const { frames } = handler(form);
    expect(shown(frames).slice(0, 4)).toEqual(["+1080 context", "+2000 cfi", "+3050 cfi", "+4050 frame_pointer"]);
    expect(frames[2]).toMatchObject({ interrupted: true, lookupRva: 0x3050, sp: STACK + 0x2000n });
  });

  it("are known by their symbol where the dump holds no code", () => {
    const [, form] = FORMS[0] as (typeof FORMS)[number];
    const { frames } = handler(form, { code: false, name: "__restore_rt" });
    expect(shown(frames).slice(0, 3)).toEqual(["+1080 context", "+2000 cfi", "+3050 cfi"]);
    expect(shown(handler(form, { code: false, name: "restore" }).frames)).not.toContain("+3050 cfi");
  });
});
