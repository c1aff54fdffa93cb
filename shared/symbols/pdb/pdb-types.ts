import type { TypeLayout } from "../../dump/type-layout.ts";
import type { Cursor } from "./cursor.ts";
import { type Pdb, STREAM } from "./pdb.ts";
import { LEAF, readNumeric, type TypeRecord, TypeRecords } from "./type-records.ts";

/** Field lists are cut into pieces of 64 KiB; a structure has few. */
const MAX_FIELD_LISTS = 256;
/** Properties of a structure: only declared here. */
const FORWARD = 0x80;
/** `attr` of methods that say where their pointer lies in the table: introducing virtual ones. */
const INTRODUCING: ReadonlySet<number> = new Set([4, 6]);

/** A structure's head. */
export interface StructureHead {
  readonly name: string;
  readonly forward: boolean;
  readonly fields: number;
  /** Bytes. */
  readonly size: number;
}

/** Structures of a PDB: the way to every field's offset. */
export class PdbTypes implements TypeLayout {
  readonly #types: TypeRecords;
  /** Indices of defined structures by name: the first of several. */
  readonly #byName = new Map<string, StructureHead>();
  readonly #fields = new Map<string, ReadonlyMap<string, number>>();

  /** @throws FormatError, MissingRanges */
  constructor(pdb: Pdb) {
    this.#types = new TypeRecords(pdb.msf, STREAM.tpi);
    for (const record of this.#types.all()) {
      const head = structureHead(record);
      if (head && !head.forward && !this.#byName.has(head.name)) this.#byName.set(head.name, head);
    }
  }

  sizeOf(type: string): number | undefined {
    return this.#byName.get(type)?.size;
  }

  offsetOf(type: string, field: string): number | undefined {
    return this.fieldsOf(type)?.get(field);
  }

  /** Offsets of all direct members of a structure by name. */
  fieldsOf(type: string): ReadonlyMap<string, number> | undefined {
    const head = this.#byName.get(type);
    if (!head) return undefined;
    let fields = this.#fields.get(type);
    if (!fields) {
      fields = readFields(this.#types, head.fields);
      this.#fields.set(type, fields);
    }
    return fields;
  }
}

/** The head of a structure, class or union; undefined for other records. @throws FormatError */
export function structureHead({ leaf, data }: TypeRecord): StructureHead | undefined {
  let property: number;
  let fields: number;
  switch (leaf) {
    case LEAF.class:
    case LEAF.structure:
      data.skip(2);
      property = data.u16();
      fields = data.u32();
      data.skip(8);
      break;
    case LEAF.class2:
    case LEAF.structure2:
      property = data.u32();
      fields = data.u32();
      data.skip(10);
      break;
    case LEAF.union:
      data.skip(2);
      property = data.u16();
      fields = data.u32();
      break;
    default:
      return undefined;
  }
  const size = readNumeric(data);
  return { name: data.text(), forward: (property & FORWARD) !== 0, fields, size };
}

function readFields(types: TypeRecords, first: number): Map<string, number> {
  const fields = new Map<string, number>();
  const seen = new Set<number>();
  for (let next: number | undefined = first; next !== undefined && !seen.has(next) && seen.size < MAX_FIELD_LISTS; ) {
    seen.add(next);
    const list = types.record(next);
    next = undefined;
    if (list?.leaf !== LEAF.fieldList) break;
    while (list.data.left >= 2) {
      const pad = list.data.bytes[list.data.at] as number;
      if (pad >= 0xf0) list.data.skip(Math.max(1, pad & 0xf));
      else next = readMember(list.data, fields) ?? next;
    }
  }
  return fields;
}

/** Reads one member. @returns index of the list that goes on, where this one says so */
function readMember(data: Cursor, fields: Map<string, number>): number | undefined {
  const leaf = data.u16();
  switch (leaf) {
    case LEAF.member: {
      data.skip(6);
      const offset = readNumeric(data);
      const name = data.text();
      if (!fields.has(name)) fields.set(name, offset);
      return undefined;
    }
    case LEAF.index:
      data.skip(2);
      return data.u32();
    case LEAF.baseClass:
      data.skip(6);
      readNumeric(data);
      return undefined;
    case LEAF.virtualBase:
    case LEAF.indirectVirtualBase:
      data.skip(10);
      readNumeric(data);
      readNumeric(data);
      return undefined;
    case LEAF.enumerate:
      data.skip(2);
      readNumeric(data);
      data.text();
      return undefined;
    case LEAF.staticMember:
    case LEAF.nestedType:
    case LEAF.method:
      data.skip(6);
      data.text();
      return undefined;
    case LEAF.oneMethod: {
      const attributes = data.u16();
      data.skip(4);
      if (INTRODUCING.has((attributes >>> 2) & 7)) data.skip(4);
      data.text();
      return undefined;
    }
    case LEAF.vfuncTable:
      data.skip(6);
      return undefined;
    default:
      // An unknown member has an unknown length: what follows cannot be read.
      data.skip(data.left);
      return undefined;
  }
}
