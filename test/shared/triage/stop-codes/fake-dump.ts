import type { CpuArch, VirtualAddress } from "../../../../shared/dump/address.ts";
import type { CpuContext } from "../../../../shared/dump/cpu-context.ts";
import type { Dump } from "../../../../shared/dump/dump.ts";
import type { Memory } from "../../../../shared/dump/memory.ts";
import { Notes } from "../../../../shared/notes.ts";
import { decodeStop } from "../../../../shared/triage/stop-codes/decode-stop.ts";
import type { StopFacts } from "../../../../shared/triage/stop-codes/stop-facts.ts";
import { loadWords, type Words } from "../../../../shared/triage/words/words.ts";

/** A kernel dump made of nothing but an argument list and the pieces of memory that a test puts there. */

export const NT = 0xfffff800_00000000n;
export const DRIVER = 0xfffff800_10000000n;
export const CLASSPNP = 0xfffff800_20000000n;
export const GONE = 0xfffff800_30000000n;
export const POOL = 0xffffb000_00000000n;
export const STACK = 0xffffc000_00001000n;

/** Memory that tests write: what was not written is a hole. */
export class FakeMemory implements Memory {
  readonly #bytes = new Map<bigint, number>();
  /** Addresses that were planned. */
  readonly planned: { readonly address: bigint; readonly length: number }[] = [];

  read(address: VirtualAddress, length: number): ReturnType<Memory["read"]> {
    const out: number[] = [];
    for (let at = 0; at < length; at++) {
      const byte = this.#bytes.get(address + BigInt(at));
      if (byte === undefined) {
        const hole = { hole: "not-in-dump", at: (address + BigInt(at)) as VirtualAddress } as const;
        return { bytes: Uint8Array.from(out), hole };
      }
      out.push(byte);
    }
    return { bytes: Uint8Array.from(out) };
  }

  plan(wanted: ReadonlyArray<{ readonly address: VirtualAddress; readonly length: number }>): void {
    this.planned.push(...wanted);
  }

  write(address: bigint, bytes: Iterable<number>): this {
    let at = address;
    for (const byte of bytes) {
      this.#bytes.set(at, byte);
      at += 1n;
    }
    return this;
  }

  zero(address: bigint, length: number): this {
    return this.write(address, new Uint8Array(length));
  }

  /** A little-endian number of `size` bytes. */
  number(address: bigint, value: bigint | number, size: 1 | 2 | 4 | 8 = 8): this {
    const bits = BigInt.asUintN(size * 8, BigInt(value));
    return this.write(
      address,
      Array.from({ length: size }, (_, index) => Number((bits >> BigInt(8 * index)) & 0xffn)),
    );
  }

  text(address: bigint, text: string): this {
    return this.write(
      address,
      [...text, "\0"].map((char) => char.charCodeAt(0)),
    );
  }

  /** A UNICODE_STRING with its buffer. */
  unicode(address: bigint, buffer: bigint, text: string): this {
    this.number(address, text.length * 2, 2).number(address + 2n, text.length * 2 + 2, 2);
    this.number(address + 4n, 0, 4).number(address + 8n, buffer);
    for (const [index, char] of [...text].entries()) this.number(buffer + BigInt(index * 2), char.charCodeAt(0), 2);
    return this;
  }
}

/** What a test may change. */
export interface FakeOptions {
  readonly memory?: FakeMemory;
  readonly build?: number;
  readonly cpu?: CpuArch;
  readonly context?: CpuContext;
  readonly processName?: string;
  readonly vendor?: string;
}

/** A dump of that stop code. */
export function fakeDump(code: number, args: readonly (bigint | number)[], options: FakeOptions = {}): Dump {
  const module = (base: bigint, path: string) =>
    ({ base: base as VirtualAddress, size: 0x100000, path, identity: "absent" }) as const;
  const cpu = options.cpu ?? "amd64";
  const [p1 = 0n, p2 = 0n, p3 = 0n, p4 = 0n] = args.map((arg) => BigInt.asUintN(64, BigInt(arg)));
  return {
    format: "PAGEDU64",
    kind: "kernel-full",
    dumpType: 1,
    size: 0,
    truncated: false,
    sections: [],
    cpu,
    pointerSize: cpu === "x86" ? 4 : 8,
    system: { os: "Windows NT", osBuild: options.build ?? 19041 },
    process: options.processName === undefined ? {} : { name: options.processName },
    modules: [
      module(NT, "\\SystemRoot\\system32\\ntoskrnl.exe"),
      module(DRIVER, "\\??\\C:\\drivers\\baddrv.sys"),
      module(CLASSPNP, "\\SystemRoot\\System32\\drivers\\classpnp.sys"),
    ],
    unloadedModules: [{ base: GONE as VirtualAddress, size: 0x10000, path: "gonedrv.sys" }],
    threads: [{ id: 4, ...(options.context ? { context: options.context } : {}) }],
    crashingThread: 0,
    bugcheck: { code, parameters: [p1, p2, p3, p4] },
    kernel: {
      base: NT as VirtualAddress,
      loadedModuleList: 0n as VirtualAddress,
      activeProcessHead: 0n as VirtualAddress,
      directoryTableBase: 0n,
      pfnDatabase: 0n as VirtualAddress,
      majorVersion: 15,
      minorVersion: 19041,
    },
    ...(options.vendor === undefined ? {} : { processor: { vendor: options.vendor } }),
    extras: {},
    memory: options.memory ?? new FakeMemory(),
  };
}

let loaded: Promise<Words> | undefined;

/** Decodes such a dump with the real tables. */
export async function decode(
  code: number,
  args: readonly (bigint | number)[],
  options: FakeOptions = {},
): Promise<StopFacts & { readonly notes: readonly string[] }> {
  loaded ??= loadWords(new Set(["bugchecks", "ntstatus"]));
  const notes = new Notes();
  const facts = decodeStop({ dump: fakeDump(code, args, options), words: await loaded, notes });
  return { ...facts, notes: notes.list().map((note) => note.code) };
}

/** Registers of a thread that stands in KeBugCheckEx with that stack. */
export function stoppedAt(sp: bigint, pc = NT + 0x1000n): CpuContext {
  return { cpu: "amd64", pc: pc as VirtualAddress, sp: sp as VirtualAddress, flags: 0x10000f, registers: {} };
}

/** An x64 trap frame of kernel code. */
export function trapFrame(
  memory: FakeMemory,
  address: bigint,
  values: {
    readonly rip: bigint;
    readonly rsp?: bigint;
    readonly rax?: bigint;
    readonly cr2?: bigint;
    readonly user?: boolean;
  },
): FakeMemory {
  memory.zero(address, 0x190);
  memory.number(address + 0x30n, values.rax ?? 0x11n).number(address + 0xd0n, values.cr2 ?? 0n);
  memory.number(address + 0x158n, 0x5555n).number(address + 0x168n, values.rip);
  memory.number(address + 0x170n, values.user ? 0x33 : 0x10).number(address + 0x178n, 0x10246);
  memory.number(address + 0x180n, values.rsp ?? address + 0x190n).number(address + 0x188n, values.user ? 0x2b : 0x18);
  return memory;
}

/** An x64 CONTEXT. */
export function contextRecord(memory: FakeMemory, address: bigint, rip: bigint, rsp: bigint): FakeMemory {
  memory.zero(address, 0x4d0).number(address + 0x30n, 0x10001f, 4);
  return memory
    .number(address + 0x98n, rsp)
    .number(address + 0xf8n, rip)
    .number(address + 0x78n, 0x77n);
}

/** An EXCEPTION_RECORD64. */
export function exceptionRecord(
  memory: FakeMemory,
  address: bigint,
  code: number,
  at: bigint,
  parameters: readonly bigint[] = [],
): FakeMemory {
  memory
    .zero(address, 0x98)
    .number(address, code, 4)
    .number(address + 0x10n, at);
  memory.number(address + 0x18n, parameters.length, 4);
  for (const [index, value] of parameters.entries()) memory.number(address + 0x20n + BigInt(8 * index), value);
  return memory;
}

/** DEVICE_OBJECT of a DRIVER_OBJECT whose image starts at `image`. */
export function device(memory: FakeMemory, address: bigint, driver: bigint, image: bigint, name: string): FakeMemory {
  memory
    .zero(address, 0x150)
    .number(address, 3, 2)
    .number(address + 8n, driver);
  memory
    .zero(driver, 0x150)
    .number(driver, 4, 2)
    .number(driver + 0x18n, image);
  return memory.unicode(driver + 0x38n, driver + 0x1000n, `\\Driver\\${name}`);
}

/** An IRP whose current stack location is the one before last, of that device. */
export function irp(memory: FakeMemory, address: bigint, holder: bigint): FakeMemory {
  const [count, size] = [4, 0x48n];
  memory
    .zero(address, 0xd0 + 0x48 * count)
    .number(address, 6, 2)
    .number(address + 0x42n, count, 1);
  const current = address + 0xd0n + 2n * size;
  memory.number(address + 0x43n, 3, 1).number(address + 0xb8n, current);
  return memory.number(current, 0x16, 1).number(current + 0x28n, holder);
}
