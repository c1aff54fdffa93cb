import type { TypeLayout } from "../../type-layout.ts";

/** Fields that the kernel's lists and records are read by, where symbols know them. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  _EPROCESS: ["ActiveProcessLinks", "ImageFileName", "CreateTime", "InheritedFromUniqueProcessId", "Peb"],
  _ETHREAD: ["Cid"],
  _KPRCB: ["CurrentThread", "IdleThread", "Number", "MHz", "VendorString", "CpuType", "Context"],
  _KPROCESS: ["ThreadListHead"],
  _KTHREAD: ["ApcState", "ThreadListEntry"],
};
/** No structure of the kernel is larger: a PRCB has some 50 KiB. */
const MAX_BYTES = 0x4_0000;

/**
 * Takes what readers of the kernel will ask from symbols, which may still have to read, so that they are asked once.
 * @returns undefined where the symbols know none of it
 * @throws MissingRanges
 */
export function takeKernelTypes(layout: TypeLayout): TypeLayout | undefined {
  const offsets = new Map<string, number>();
  const sizes = new Map<string, number>();
  for (const [type, fields] of Object.entries(FIELDS)) {
    const size = layout.sizeOf(type);
    if (size !== undefined && size > 0 && size <= MAX_BYTES) sizes.set(type, size);
    for (const field of fields) {
      const offset = layout.offsetOf(type, field);
      if (offset !== undefined && offset >= 0 && offset < (sizes.get(type) ?? 0)) {
        offsets.set(`${type}.${field}`, offset);
      }
    }
  }
  if (offsets.size === 0) return undefined;
  return {
    offsetOf: (type, field) => offsets.get(`${type}.${field}`),
    sizeOf: (type) => sizes.get(type),
  };
}
