import type { TypeLayout } from "../type-layout.ts";
import type { StructureOffsets } from "./offsets.ts";
import type { RecordOffsets } from "./process-thread.ts";

/**
 * Offsets of processes and threads from symbols, where those know all that tell a record from any other bytes.
 * @param table of the build, for what symbols are not asked
 */
export function symbolOffsets(
  types: TypeLayout | undefined,
  pointerSize: 4 | 8,
  table: StructureOffsets | undefined,
): RecordOffsets | undefined {
  const links = types?.offsetOf("_EPROCESS", "ActiveProcessLinks");
  const name = types?.offsetOf("_EPROCESS", "ImageFileName");
  const cid = types?.offsetOf("_ETHREAD", "Cid");
  const created = types?.offsetOf("_EPROCESS", "CreateTime") ?? table?.createTime;
  if (links === undefined || name === undefined || cid === undefined || created === undefined) return undefined;
  return { ...table, uniqueProcessId: links - pointerSize, imageFileName: name, createTime: created, cid };
}
