import { dataView } from "../bytes/layout.ts";
import type { Task } from "../bytes/step-runner.ts";
import type { VirtualAddress } from "../dump/address.ts";
import type { DumpThread } from "../dump/dump.ts";
import { readArm64Unwind } from "../image/unwind-arm64.ts";
import type { WalkedModule } from "./module-map.ts";
import type { WalkScene } from "./walk-scene.ts";

/**
 * Fetches ahead of a walk what it will need. A walk learns of each frame from the one before, and in a dump of
 * physical memory each new image costs it three reads that wait for one another. But all return addresses stand
 * on the stack already: the unwind data of all are fetched side by side, stale addresses among them.
 */

/** Return addresses that are looked at: the newest; a walk beyond them goes on by itself. */
const MAX_ADDRESSES = 64;
/** An image with fewer addresses on a stack is mostly a stale one: what is read for it would be for nothing. */
const OFTEN = 3;
/** Bytes of a stack that are looked at. */
const MAX_BYTES = 0x8000;
/** Upper words of addresses: kernels lie above this one, images of user mode between the other two. */
const KERNEL_HALF = 0x8000_0000;
const USER_IMAGES = 0x10;
const USER_END = 0x8000;
/** A user stack is looked at as far as its first frames reach. */
const USER_BYTES = 0x1000;

/**
 * Tasks that make the unwind data of a kernel stack's functions be there. A double fault or a DPC runs on a stack
 * of its own and leads to the thread's: then that one is looked at from its end down.
 */
export function lookAhead(scene: WalkScene, sp: VirtualAddress, bounds: NonNullable<DumpThread["stack"]>): Task[] {
  const { start, size } = bounds;
  const isOwn = sp >= start && sp - start < BigInt(size);
  const above = isOwn ? Number(sp - start) : Math.max(0, size - MAX_BYTES);
  const from = (start + BigInt(above)) as VirtualAddress;
  return unwindTasks(scene, from, Math.min(MAX_BYTES, size - above), (high) => high >= KERNEL_HALF);
}

/** The same for the stack that user mode called the kernel from, when its images are known. */
export function lookAheadUser(scene: WalkScene): readonly Task[] {
  const calls = scene.trapFrames().filter(({ fromUser }) => fromUser);
  const sp = calls.at(-1)?.context.sp;
  if (sp === undefined) return [];
  const length = USER_BYTES - Number(sp & 0xfffn);
  return unwindTasks(scene, sp, length, (high) => high >= USER_IMAGES && high < USER_END);
}

function unwindTasks(
  scene: WalkScene,
  sp: VirtualAddress,
  length: number,
  isWanted: (high: number) => boolean,
): Task[] {
  return [
    () => {
      const view = dataView(scene.stack.memory.read(sp, length).bytes);
      const found = new Map<WalkedModule, Set<number>>();
      let count = 0;
      for (let at = 0; at + 8 <= view.byteLength && count < MAX_ADDRESSES; at += 8) {
        if (!isWanted(view.getUint32(at + 4, true))) continue;
        const address = scene.strip(view.getBigUint64(at, true));
        const module = scene.modules.find(address);
        if (!module) continue;
        const rvas = found.get(module) ?? new Set();
        rvas.add(Number(address - module.base) - 1);
        found.set(module, rvas);
        count += 1;
      }
      const kernel = isWanted(KERNEL_HALF);
      const often = [...found].filter(([, { size }]) => !kernel || size >= OFTEN);
      return often.map(([module, rvas]) => unwindTask(scene, module, rvas));
    },
  ];
}

/** The table of an image first, then all records that it leads to. */
function unwindTask(scene: WalkScene, module: WalkedModule, rvas: ReadonlySet<number>): Task {
  return () => (module.pdata ? [...rvas].map((rva): Task => fetchUnwind.bind(undefined, scene, module, rva)) : []);
}

function fetchUnwind(scene: WalkScene, module: WalkedModule, rva: number): readonly Task[] {
  if (module.isExecutable(rva) === false) return [];
  if (scene.cpu === "arm64") {
    const entry = module.packedFunction(rva);
    if (typeof entry === "object") readArm64Unwind(module.image, entry);
    return [];
  }
  const entry = module.runtimeFunction(rva);
  if (typeof entry === "object") module.unwindInfo(entry.unwind);
  return [];
}
