import { dataView } from "../../../bytes/layout.ts";
import type { Task } from "../../../bytes/step-runner.ts";
import { addOffset, distance, type VirtualAddress } from "../../address.ts";
import type { DumpUnloadedModule } from "../../dump.ts";
import { readExact, readPointer } from "../../memory.ts";
import { utf16Text } from "../fill.ts";
import { pointerAt } from "../record-fields.ts";
import { type LiveContext, optional } from "./live-context.ts";
import { type TextPlace, textPlace } from "./module-entry.ts";

/** Slots of MmUnloadedDrivers. */
const SLOTS = 50;
const WHERE = "kernel/unloaded-drivers";

interface Slot {
  readonly base: VirtualAddress;
  readonly size: number;
  readonly name?: TextPlace;
}

/** MmUnloadedDrivers: a ring of 50 slots; MmLastUnloadedDriver is the next to be written. */
export class UnloadedList {
  readonly #context: LiveContext;
  readonly #names = new Map<number, string>();
  #slots: readonly (Slot | undefined)[] = [];
  #next = 0;

  constructor(context: LiveContext) {
    this.#context = context;
  }

  start(): Task[] {
    const { kdbg, memory, pointerSize } = this.#context;
    const drivers = kdbg?.address("MmUnloadedDrivers");
    const last = kdbg?.address("MmLastUnloadedDriver");
    if (drivers === undefined) return [];
    const readLast: Task = () => {
      const bytes = last === undefined ? undefined : readExact(memory, last, 4);
      this.#next = bytes ? dataView(bytes).getUint32(0, true) % SLOTS : 0;
      return [];
    };
    const readArray: Task = () => {
      const array = readPointer(memory, drivers, pointerSize);
      return array ? [optional(this.#context, WHERE, () => this.#array(array))] : [];
    };
    return [optional(this.#context, WHERE, readLast), optional(this.#context, WHERE, readArray)];
  }

  /** Newest first; slots that were never used are left out. */
  unloaded(): DumpUnloadedModule[] {
    const out: DumpUnloadedModule[] = [];
    for (let back = 1; back <= SLOTS; back++) {
      const index = (this.#next - back + SLOTS) % SLOTS;
      const slot = this.#slots[index];
      if (slot) out.push({ base: slot.base, size: slot.size, path: this.#names.get(index) ?? "" });
    }
    return out;
  }

  #array(address: VirtualAddress): Task[] {
    const { memory, pointerSize, notes } = this.#context;
    // Name, StartAddress, EndAddress, CurrentTime.
    const stride = pointerSize === 8 ? 0x28 : 0x18;
    const { bytes, hole } = memory.read(address, SLOTS * stride);
    if (hole)
      notes.add("kernel.list-broken", WHERE, `${Math.floor(bytes.length / stride)} of ${SLOTS} slots are there`);
    this.#slots = Array.from({ length: Math.floor(bytes.length / stride) }, (_, index) =>
      readSlot(bytes.subarray(index * stride, (index + 1) * stride), pointerSize),
    );
    return this.#slots.flatMap((slot, index) => {
      const name = slot?.name;
      if (!name) return [];
      return [
        optional(this.#context, WHERE, () => {
          const text = readExact(memory, name.address, name.length);
          if (text) this.#names.set(index, utf16Text(text));
          return [];
        }),
      ];
    });
  }
}

function readSlot(record: Uint8Array, pointerSize: 4 | 8): Slot | undefined {
  const start = pointerAt(record, 2 * pointerSize, pointerSize);
  const end = pointerAt(record, 3 * pointerSize, pointerSize);
  if (!start || end === undefined) return undefined;
  const size = distance(start, end);
  if (size <= 0 || size > 0xffff_ffff) return undefined;
  const name = textPlace(record, 0, pointerSize);
  return { base: addOffset(start, 0), size, ...(name ? { name } : {}) };
}
