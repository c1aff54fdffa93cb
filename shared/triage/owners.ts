import type { Dump } from "../dump/dump.ts";
import { listRows } from "./list-rows.ts";
import { KERNEL_OWNERS } from "./lists/generated/kernel-owners.ts";
import { UNIX_OWNERS } from "./lists/generated/unix-owners.ts";
import { WINDOWS_OWNERS } from "./lists/generated/windows-owners.ts";

/**
 * Owners of code, as triage.ini tells them (lists/*-owners.txt): whom to blame, whom only when nobody else is
 * left, what to step over.
 * https://learn.microsoft.com/windows-hardware/drivers/debugger/specifying-module-and-function-owners
 */

/** How readily code is blamed: `definite` first, `ignore` never while another is left. */
export type Ownership = "definite" | "maybe" | "last" | "ignore";

/** What the lists say of a place. */
export interface Owner {
  readonly ownership: Ownership;
  /** The entry that said it, with its reason; absent for code that no entry names. */
  readonly entry?: string;
}

interface Entry {
  readonly module: string;
  readonly function: string;
  readonly owner: Owner;
}

const NOBODYS: Owner = { ownership: "definite" };

/** Owners of one kind of system. */
export class OwnerList {
  /** By the names of their modules, and those of many modules. */
  readonly #named = new Map<string, Entry[]>();
  readonly #patterns: Entry[] = [];

  /** @param text a generated list */
  constructor(text: string) {
    for (const { key, value, reason } of listRows(text)) {
      const [module = "", name = "*"] = key.toLowerCase().split("!");
      const owner: Owner = { ownership: ownershipOf(value), entry: `${key}: ${reason}` };
      const known = module.endsWith("*") ? this.#patterns : this.#named.get(module);
      if (known) known.push({ module, function: name, owner });
      else this.#named.set(module, [{ module, function: name, owner }]);
    }
  }

  /**
   * The most specific entry: of functions first, then of modules.
   * @param symbol name of the function without its parameters and offset; without one only modules count
   */
  owner(module: string, symbol?: string): Owner {
    const [image, name] = [module.toLowerCase(), symbol?.toLowerCase()];
    let best: { readonly rank: number; readonly owner: Owner } | undefined;
    for (const entry of [...(this.#named.get(image) ?? []), ...this.#patterns]) {
      const inModule = match(entry.module, image);
      const inFunction = name === undefined && entry.function !== "*" ? 0 : match(entry.function, name ?? "");
      const rank = inModule === 0 || inFunction === 0 ? 0 : inFunction * MOST + inModule;
      if (rank > (best?.rank ?? 0)) best = { rank, owner: entry.owner };
    }
    return best?.owner ?? NOBODYS;
  }
}

/** Above every rank of a pattern: names are compared up to this length. */
const MOST = 1 << 12;

/** How well a pattern fits: 0 not at all, then the longer its fixed part the better, a whole name best. */
function match(pattern: string, name: string): number {
  if (!pattern.endsWith("*")) return pattern === name ? MOST - 1 : 0;
  const start = pattern.slice(0, -1);
  return name.startsWith(start) ? Math.min(start.length + 1, MOST - 2) : 0;
}

function ownershipOf(owner: string): Ownership {
  if (owner === "ignore") return "ignore";
  if (owner.startsWith("maybe_")) return "maybe";
  return owner.startsWith("last_") ? "last" : "definite";
}

const LISTS: Readonly<Record<"kernel" | "windows" | "unix", OwnerList>> = {
  kernel: new OwnerList(KERNEL_OWNERS),
  windows: new OwnerList(WINDOWS_OWNERS),
  unix: new OwnerList(UNIX_OWNERS),
};

/** The list that holds for a dump. */
export function ownersOf(dump: Dump): OwnerList {
  if (dump.bugcheck || dump.kernel) return LISTS.kernel;
  return dump.system.os === "Windows NT" ? LISTS.windows : LISTS.unix;
}

/** A base name as the lists write it: `libc` of `libc-2.13.so` and `libc.so.6`, `ntdll` of `ntdll.dll`. */
export function ownerName(fileName: string): string {
  const name = fileName.toLowerCase();
  const shared = name.replace(/(-[\d.]+)?\.so(\.[\d.]+)?$/, "");
  return shared === name ? name.replace(/\.(dll|exe|sys|dylib|drv|ocx)$/, "") : shared;
}
