import type { Task } from "../../../bytes/step-runner.ts";
import type { PageReader } from "./page-reader.ts";
import { type PagingMode, tableBelow } from "./page-tables.ts";

/**
 * Fetches the upper page tables of an address space ahead. A read of memory that was never touched waits once for
 * each level of tables; the upper ones are few and nearly all of them are needed, so they come in
 * the rounds that the first read waits for anyway. Where there are many, none is fetched ahead.
 */

/** Tables that are fetched at most below the first one, level by level: half of the kernel, half of a process. */
const KERNEL_TABLES = [24, 32];
const USER_TABLES = [8, 12, 24];

/**
 * Tasks that make the upper tables be there.
 * @param directoryTableBase as the header stores it, flag bits included
 * @param withUser whether the dump has memory of processes, so that their tables are worth a read
 */
export function tablesAhead(
  reader: PageReader,
  mode: PagingMode,
  directoryTableBase: bigint,
  withUser: boolean,
): Task[] {
  if (mode !== "x64" && mode !== "arm64") return [];
  const root = Number(BigInt.asUintN(mode === "arm64" ? 48 : 52, directoryTableBase) >> 12n);
  return [
    () => {
      const below = entriesOf(reader, root, mode, root);
      return [
        levelTask(reader, mode, root, below.kernel, KERNEL_TABLES),
        ...(withUser ? [levelTask(reader, mode, root, below.user, USER_TABLES)] : []),
      ];
    },
  ];
}

/** All tables of one level, then those below them. */
function levelTask(
  reader: PageReader,
  mode: PagingMode,
  root: number,
  tables: readonly number[],
  limits: readonly number[],
): Task {
  return () => {
    const [limit, ...further] = limits;
    const there = tables.filter((table) => reader.offsetOf(table) >= 0);
    if (limit === undefined || there.length > limit) return [];
    reader.bytes.plan(
      there.map((table) => {
        const start = reader.offsetOf(table);
        return { start, end: start + 4096 };
      }),
    );
    const below = there.flatMap((table) => {
      const { user, kernel } = entriesOf(reader, table, mode, root);
      return [...user, ...kernel];
    });
    return further.length === 0 ? [] : [levelTask(reader, mode, root, below, further)];
  };
}

/** Pages of the tables that a table leads to, in both halves; large pages and the self-map left out. */
function entriesOf(
  reader: PageReader,
  table: number,
  mode: PagingMode,
  root: number,
): { user: number[]; kernel: number[] } {
  const user: number[] = [];
  const kernel: number[] = [];
  const offset = reader.offsetOf(table);
  if (offset < 0) return { user, kernel };
  reader.bytes.plan([{ start: offset, end: offset + 4096 }]);
  const view = reader.page(table, []);
  if (typeof view === "number") return { user, kernel };
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    const below = tableBelow(view.getUint32(at, true), view.getUint32(at + 4, true), mode);
    if (below !== undefined && below !== root) (at < 2048 ? user : kernel).push(below);
  }
  return { user, kernel };
}
