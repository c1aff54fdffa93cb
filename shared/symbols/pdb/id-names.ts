import type { ByteRange } from "../../bytes/range.ts";
import { type Pdb, STREAM } from "./pdb.ts";
import { structureHead } from "./pdb-types.ts";
import { LEAF, TypeRecords } from "./type-records.ts";

/** Names of inlined functions: the id stream's records, with the classes that they are members of. */
export class IdNames {
  readonly #ids: TypeRecords;
  readonly #types: TypeRecords;

  /** @throws FormatError, MissingRanges */
  constructor(pdb: Pdb) {
    this.#ids = new TypeRecords(pdb.msf, STREAM.ipi);
    this.#types = new TypeRecords(pdb.msf, STREAM.tpi);
  }

  /** Where the records of functions lie: for plans. */
  places(ids: readonly number[]): ByteRange[] {
    return ids.flatMap((id) => this.#ids.places(id));
  }

  /** Where the names of the classes and namespaces of functions lie, whose own records are there. @throws MissingRanges */
  scopePlaces(ids: readonly number[]): ByteRange[] {
    return ids.flatMap((id) => {
      const record = this.#ids.record(id);
      if (record?.leaf === LEAF.functionId) return this.#ids.places(record.data.u32());
      return record?.leaf === LEAF.memberFunctionId ? this.#types.places(record.data.u32()) : [];
    });
  }

  /** Qualified name of a function, without its parameters; undefined when the id is none of a function. */
  functionName(id: number): string | undefined {
    const record = this.#ids.record(id);
    if (!record) return undefined;
    const { leaf, data } = record;
    if (leaf !== LEAF.functionId && leaf !== LEAF.memberFunctionId) return undefined;
    const scope = data.u32();
    data.skip(4);
    const name = data.text();
    const outer = leaf === LEAF.functionId ? this.#namespace(scope) : this.#className(scope);
    return outer ? `${outer}::${name}` : name;
  }

  #className(type: number): string | undefined {
    const record = this.#types.record(type);
    return record && structureHead(record)?.name;
  }

  #namespace(scope: number): string | undefined {
    const record = scope === 0 ? undefined : this.#ids.record(scope);
    if (record?.leaf !== LEAF.stringId) return undefined;
    record.data.skip(4);
    return record.data.text();
  }
}
