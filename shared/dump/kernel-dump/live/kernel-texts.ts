import type { Task } from "../../../bytes/step-runner.ts";
import { type VirtualAddress, virtualAddress } from "../../address.ts";
import { readExact } from "../../memory.ts";
import type { DumpSharedData } from "../../shared-data.ts";
import { asciiText } from "../fill.ts";
import { type LiveContext, optional } from "./live-context.ts";
import { KUSER_SHARED_DATA, readSharedData } from "./shared-data.ts";

/** NtBuildLab is a short text: longer ones are damage. */
const BUILD_LAB_BYTES = 128;
/** KUSER_SHARED_DATA in the kernel's half, at the same place on every system. */
const SHARED_DATA = { 8: virtualAddress(0xffff_f780_0000_0000n), 4: virtualAddress(0xffdf_0000n) } as const;
/** Texts and times that the kernel keeps at fixed places. */
export class KernelTexts {
  readonly #context: LiveContext;
  #buildLab: string | undefined;
  #shared: DumpSharedData | undefined;

  constructor(context: LiveContext) {
    this.#context = context;
  }

  /** NtBuildLab. */
  get buildLab(): string | undefined {
    return this.#buildLab;
  }

  /** Undefined where the dump lacks its page or it is damaged. */
  get shared(): DumpSharedData | undefined {
    return this.#shared;
  }

  start(): Task[] {
    const { kdbg, pointerSize } = this.#context;
    const lab = kdbg?.address("NtBuildLab");
    return [
      ...(lab === undefined ? [] : [optional(this.#context, "kernel/build-lab", () => this.#readBuildLab(lab))]),
      optional(this.#context, "kernel/shared-data", () => this.#readShared(SHARED_DATA[pointerSize])),
    ];
  }

  #readBuildLab(address: VirtualAddress): readonly Task[] {
    this.#buildLab = asciiText(this.#context.memory.read(address, BUILD_LAB_BYTES).bytes) || undefined;
    return [];
  }

  #readShared(address: VirtualAddress): readonly Task[] {
    const bytes = readExact(this.#context.memory, address, KUSER_SHARED_DATA.size);
    this.#shared = bytes && readSharedData(bytes, this.#context.build);
    return [];
  }
}
