import { ByteWriter, Label } from "./byte-writer.ts";
import type { SynthCpu } from "./contexts.ts";

/**
 * Builds user minidumps from a description, in the manner of rust-minidump's minidump-synth. Offsets are
 * written by hand from the public description of the format. Stream bodies come in the order of the calls.
 */

/** PROCESSOR_ARCHITECTURE_* by CPU. */
const ARCHITECTURE: Record<SynthCpu, number> = { x86: 0, arm: 5, amd64: 9, arm64: 12, "arm64-old": 0x8003 };
/** PlatformId by system. */
const PLATFORM = { windows: 2, macos: 0x8101, linux: 0x8201, android: 0x8203 } as const;

export interface SynthSystem {
  readonly cpu: SynthCpu;
  readonly os: keyof typeof PLATFORM;
  /** `major.minor.build` */
  readonly version?: string;
  /** Service pack or kernel text. */
  readonly csd?: string;
  readonly cpuCount?: number;
  readonly level?: number;
  /** model<<8 | stepping */
  readonly revision?: number;
  readonly productType?: number;
  readonly suiteMask?: number;
  /** x86: CPUID vendor of 12 characters. */
  readonly vendor?: string;
}

/** Identity of a module's symbol file. */
export type SynthCodeView =
  | { readonly kind: "rsds"; readonly guid: Uint8Array; readonly age: number; readonly pdb: string }
  | { readonly kind: "elf"; readonly buildId: Uint8Array }
  | { readonly kind: "nb10"; readonly timestamp: number; readonly age: number; readonly pdb: string }
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

export interface SynthModule {
  readonly base: number | bigint;
  readonly size: number;
  readonly name: string;
  readonly timestamp?: number;
  readonly checksum?: number;
  /** `a.b.c.d`; absent: no VS_FIXEDFILEINFO. */
  readonly version?: string;
  readonly codeView?: SynthCodeView;
}

export interface SynthUnloadedModule {
  readonly base: number | bigint;
  readonly size: number;
  readonly name: string;
  readonly timestamp?: number;
  readonly checksum?: number;
}

export interface SynthMemory {
  readonly address: number | bigint;
  readonly bytes: Uint8Array;
}

export interface SynthThread {
  readonly id: number;
  readonly name?: string;
  readonly teb?: number | bigint;
  readonly stack?: SynthMemory;
  readonly context?: Uint8Array;
  readonly suspendCount?: number;
  readonly priority?: number;
}

export interface SynthException {
  readonly threadId: number;
  readonly code: number;
  readonly flags?: number;
  readonly address: number | bigint;
  readonly parameters?: ReadonlyArray<number | bigint>;
  readonly context?: Uint8Array;
}

export interface SynthMisc {
  readonly pid?: number;
  /** Seconds since 1970. */
  readonly createTime?: number;
  /** SizeOfInfo: 0x18, 0x2c, 0xe8, 0x340 or 0x554. */
  readonly size?: 0x18 | 0x2c | 0xe8 | 0x340 | 0x554;
  readonly maxMhz?: number;
  readonly buildString?: string;
}

type Body = (writer: ByteWriter, later: (write: () => void) => void) => void;

export class SynthMinidump {
  /** Header Flags: MINIDUMP_TYPE. */
  flags = 0n;
  /** Seconds since 1970. */
  timestamp = 0x6000_0000;
  /** Four zero bytes after the count of module, thread and memory lists, as macOS Breakpad writes them. */
  padLists = false;
  readonly #streams: { type: number; body: Body }[] = [];
  readonly #modules: SynthModule[] = [];
  readonly #unloaded: SynthUnloadedModule[] = [];
  readonly #threads: SynthThread[] = [];
  readonly #memory: SynthMemory[] = [];
  readonly #memory64: SynthMemory[] = [];

  /** Any stream, also a second one of the same type: `body` writes it, `later` what lies behind it. */
  stream(type: number, body: Body): this {
    this.#streams.push({ type, body });
    return this;
  }

  /** A stream of raw bytes. */
  rawStream(type: number, bytes: Uint8Array): this {
    return this.stream(type, (w) => w.bytes(bytes));
  }

  /** A stream of text in one byte a character: /proc files, JSON. */
  textStream(type: number, text: string): this {
    return this.stream(type, (w) => w.bytes(new TextEncoder().encode(text)));
  }

  system(spec: SynthSystem): this {
    const [major = 0, minor = 0, build = 0] = (spec.version ?? "10.0.19045").split(".").map(Number);
    return this.stream(7, (w, later) => {
      w.u16(ARCHITECTURE[spec.cpu]).u16(spec.level ?? 6);
      w.u16(spec.revision ?? 0x9e0a).u8(spec.cpuCount ?? 4);
      w.u8(spec.productType ?? (spec.os === "windows" ? 1 : 0));
      w.u32(major).u32(minor).u32(build).u32(PLATFORM[spec.os]);
      const csd = new Label();
      w.ref32(csd);
      w.u16(spec.suiteMask ?? 0).u16(0);
      if (spec.cpu === "x86") {
        w.ascii(spec.vendor ?? "GenuineIntel", 12)
          .u32(0x906ea)
          .u32(0xbfebfbff)
          .u32(0x2c100800);
      } else w.u64(0).u64(0).u64(0);
      later(() => writeString(w.mark(csd), spec.csd ?? ""));
    });
  }

  misc(spec: SynthMisc): this {
    const size = spec.size ?? 0x18;
    return this.stream(15, (w) => {
      const start = w.length;
      const flags =
        (spec.pid === undefined ? 0 : 1) |
        (spec.createTime === undefined ? 0 : 2) |
        (spec.maxMhz === undefined ? 0 : 4) |
        (spec.buildString === undefined ? 0 : 0x100);
      w.u32(size).u32(flags);
      w.u32(spec.pid ?? 0).u32(spec.createTime ?? 0);
      w.u32(1).u32(1);
      if (size >= 0x2c)
        w.u32(spec.maxMhz ?? 0)
          .u32(spec.maxMhz ?? 0)
          .u32(0)
          .u32(0)
          .u32(0);
      if (size >= 0x340 && spec.buildString !== undefined) w.to(start + 0xe8).utf16(spec.buildString, 260);
      w.to(start + size);
    });
  }

  module(module: SynthModule): this {
    if (this.#modules.push(module) === 1) this.stream(4, (w, later) => this.#writeModules(w, later));
    return this;
  }

  unloadedModule(module: SynthUnloadedModule): this {
    if (this.#unloaded.push(module) === 1) {
      this.stream(14, (w, later) => {
        w.u32(0xc).u32(0x18).u32(this.#unloaded.length);
        for (const { base, size, name, timestamp, checksum } of this.#unloaded) {
          const place = new Label();
          w.u64(base)
            .u32(size)
            .u32(checksum ?? 0)
            .u32(timestamp ?? 0);
          w.ref32(place);
          later(() => writeString(w.mark(place), name));
        }
      });
    }
    return this;
  }

  /** Threads with a stack also get it listed in the memory list when there is one. */
  thread(thread: SynthThread): this {
    if (this.#threads.push(thread) === 1) {
      this.stream(3, (w, later) => this.#writeThreads(w, later));
    }
    return this;
  }

  /** ThreadNames for all threads that have one. */
  threadNames(): this {
    return this.stream(24, (w, later) => {
      const named = this.#threads.filter((thread) => thread.name !== undefined);
      w.u32(named.length);
      for (const { id, name } of named) {
        const place = new Label();
        w.u32(id).ref64(place);
        later(() => writeString(w.mark(place), name ?? ""));
      }
    });
  }

  exception(spec: SynthException): this {
    return this.stream(6, (w, later) => {
      const parameters = spec.parameters ?? [];
      w.u32(spec.threadId).u32(0);
      w.u32(spec.code).u32(spec.flags ?? 0);
      w.u64(0).u64(spec.address);
      w.u32(parameters.length).u32(0);
      for (let i = 0; i < 15; i++) w.u64(parameters[i] ?? 0);
      writeLocation(w, later, spec.context);
    });
  }

  /** A piece of the memory list. */
  memory(address: number | bigint, bytes: Uint8Array): this {
    if (this.#memory.push({ address, bytes }) === 1) {
      this.stream(5, (w, later) => {
        w.u32(this.#memory.length);
        if (this.padLists) w.u32(0);
        for (const piece of this.#memory) {
          w.u64(piece.address);
          writeLocation(w, later, piece.bytes);
        }
      });
    }
    return this;
  }

  /** A piece of Memory64List. Its bytes come at the end of the file, all in a row. */
  memory64(address: number | bigint, bytes: Uint8Array): this {
    this.#memory64.push({ address, bytes });
    return this;
  }

  build(): Uint8Array {
    const w = new ByteWriter();
    const base64 = new Label();
    const streams = [...this.#streams];
    if (this.#memory64.length > 0) {
      streams.push({
        type: 9,
        body: (writer) => {
          writer.u64(this.#memory64.length).ref64(base64);
          for (const { address, bytes } of this.#memory64) writer.u64(address).u64(bytes.length);
        },
      });
    }
    w.ascii("MDMP").u32(0xa793).u32(streams.length).u32(0x20);
    w.u32(0).u32(this.timestamp).u64(this.flags);
    const places = streams.map(() => ({ start: new Label(), end: new Label() }));
    for (const [i, { type }] of streams.entries()) {
      const { start, end } = places[i] as { start: Label; end: Label };
      w.u32(type).size32(start, end).ref32(start);
    }
    for (const [i, { body }] of streams.entries()) {
      const { start, end } = places[i] as { start: Label; end: Label };
      const after: (() => void)[] = [];
      w.align(4).mark(start);
      body(w, (write) => after.push(write));
      w.mark(end);
      for (const write of after) {
        w.align(4);
        write();
      }
    }
    w.align(16).mark(base64);
    for (const { bytes } of this.#memory64) w.bytes(bytes);
    return w.finish();
  }

  #writeModules(w: ByteWriter, later: (write: () => void) => void): void {
    w.u32(this.#modules.length);
    if (this.padLists) w.u32(0);
    for (const module of this.#modules) {
      const name = new Label();
      w.u64(module.base)
        .u32(module.size)
        .u32(module.checksum ?? 0)
        .u32(module.timestamp ?? 0);
      w.ref32(name);
      writeFixedFileInfo(w, module.version);
      writeLocation(w, later, module.codeView && codeViewBytes(module.codeView));
      w.u32(0).u32(0).u64(0).u64(0);
      later(() => writeString(w.mark(name), module.name));
    }
  }

  #writeThreads(w: ByteWriter, later: (write: () => void) => void): void {
    w.u32(this.#threads.length);
    if (this.padLists) w.u32(0);
    for (const thread of this.#threads) {
      w.u32(thread.id)
        .u32(thread.suspendCount ?? 0)
        .u32(0x20)
        .u32(thread.priority ?? 0);
      w.u64(thread.teb ?? 0).u64(thread.stack?.address ?? 0);
      writeLocation(w, later, thread.stack?.bytes);
      writeLocation(w, later, thread.context);
    }
  }
}

/** MINIDUMP_STRING: length in bytes, UTF-16LE, end mark. */
export function writeString(w: ByteWriter, text: string): void {
  w.u32(text.length * 2)
    .utf16(text)
    .u16(0);
}

/** MINIDUMP_LOCATION_DESCRIPTOR: size and offset of bytes that are written behind the stream. */
function writeLocation(w: ByteWriter, later: (write: () => void) => void, bytes?: Uint8Array): void {
  if (!bytes) {
    w.u32(0).u32(0);
    return;
  }
  const place = new Label();
  w.u32(bytes.length).ref32(place);
  later(() => w.mark(place).bytes(bytes));
}

function writeFixedFileInfo(w: ByteWriter, version?: string): void {
  if (version === undefined) {
    w.zeros(0x34);
    return;
  }
  const [a = 0, b = 0, c = 0, d = 0] = version.split(".").map(Number);
  const [high, low] = [a * 0x10000 + b, c * 0x10000 + d];
  w.u32(0xfeef04bd).u32(0x10000);
  w.u32(high).u32(low).u32(high).u32(low);
  w.zeros(0x34 - 24);
}

/** The bytes of a CodeView record. */
export function codeViewBytes(codeView: SynthCodeView): Uint8Array {
  const w = new ByteWriter();
  const text = new TextEncoder();
  switch (codeView.kind) {
    case "rsds":
      return w.ascii("RSDS").bytes(codeView.guid).u32(codeView.age).bytes(text.encode(codeView.pdb)).u8(0).finish();
    case "nb10":
      return w
        .ascii("NB10")
        .u32(0)
        .u32(codeView.timestamp)
        .u32(codeView.age)
        .bytes(text.encode(codeView.pdb))
        .u8(0)
        .finish();
    case "elf":
      return w.u32(0x4270454c).bytes(codeView.buildId).finish();
    case "raw":
      return codeView.bytes;
  }
}
