import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { type VirtualAddress, virtualAddress } from "../../address.ts";
import { readExact } from "../../memory.ts";
import { asciiText, filetimeToMillis } from "../fill.ts";
import { type LiveContext, optional } from "./live-context.ts";

/** NtBuildLab is a short text: longer ones are damage. */
const BUILD_LAB_BYTES = 128;
/** KUSER_SHARED_DATA in the kernel's half, at the same place on every system. */
const SHARED_DATA = { 8: virtualAddress(0xffff_f780_0000_0000n), 4: virtualAddress(0xffdf_0000n) } as const;
/** Bytes of it that are read. */
const SHARED_BYTES = 0x3c4;

/** What KUSER_SHARED_DATA says; what is not plausible is absent. */
export interface SharedData {
  /** Milliseconds since 1970. */
  readonly systemTime?: number;
  /** Seconds since boot. */
  readonly uptimeSeconds?: number;
  readonly productType?: number;
  readonly suiteMask?: number;
}

/** Texts and times that the kernel keeps at fixed places. */
export class KernelTexts {
  readonly #context: LiveContext;
  #buildLab: string | undefined;
  #shared: SharedData = {};

  constructor(context: LiveContext) {
    this.#context = context;
  }

  /** NtBuildLab. */
  get buildLab(): string | undefined {
    return this.#buildLab;
  }

  get shared(): SharedData {
    return this.#shared;
  }

  /** @param sharedData whether KUSER_SHARED_DATA is asked for: the header mostly says the same */
  start(sharedData: boolean): Task[] {
    const { kdbg, pointerSize } = this.#context;
    const lab = kdbg?.address("NtBuildLab");
    return [
      ...(lab === undefined ? [] : [optional(this.#context, "kernel/build-lab", () => this.#readBuildLab(lab))]),
      ...(sharedData
        ? [optional(this.#context, "kernel/shared-data", () => this.#readShared(SHARED_DATA[pointerSize]))]
        : []),
    ];
  }

  #readBuildLab(address: VirtualAddress): readonly Task[] {
    this.#buildLab = asciiText(this.#context.memory.read(address, BUILD_LAB_BYTES).bytes) || undefined;
    return [];
  }

  #readShared(address: VirtualAddress): readonly Task[] {
    const bytes = readExact(this.#context.memory, address, SHARED_BYTES);
    if (!bytes) return [];
    const view = dataView(bytes);
    // KSYSTEM_TIME: low half, then the high half twice.
    const systemTime = filetimeToMillis(view.getBigUint64(0x14, true));
    const interruptTime = view.getBigUint64(0x08, true);
    const productType = view.getUint32(0x264, true);
    this.#shared = {
      ...(systemTime === undefined ? {} : { systemTime }),
      ...(interruptTime > 0n && interruptTime < 31_536_000_000_000_000n
        ? { uptimeSeconds: Number(interruptTime) / 1e7 }
        : {}),
      ...(productType >= 1 && productType <= 3 ? { productType } : {}),
      suiteMask: view.getUint32(0x2d0, true),
    };
    return [];
  }
}
