import type { DumpSection } from "../dump.ts";
import { headerPlaces, type KernelHeader } from "./header.ts";

/** The named parts of a kernel dump's header. */
export function headerSections(header: KernelHeader): DumpSection[] {
  const { context, exception } = headerPlaces(header);
  return [
    { name: header.pointerSize === 8 ? "DUMP_HEADER64" : "DUMP_HEADER32", offset: 0, size: header.size },
    { name: "CONTEXT", ...context },
    { name: "EXCEPTION_RECORD", ...exception },
  ];
}
