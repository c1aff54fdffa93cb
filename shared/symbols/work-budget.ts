import { FormatError } from "../bytes/errors.ts";

/** Bytes of records that answers of one file may pass: real stacks pass some MiB, and this takes some seconds. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Bounds the work that a hostile symbol file can make: records that every look-up must read through again. */
export class WorkBudget {
  #left = MAX_BYTES;

  /**
   * Counts bytes before they are read through.
   * @throws FormatError `format.limit-exceeded` when the file has made too much work
   */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw new FormatError("format.limit-exceeded", "the symbol file makes more work than an analysis does");
    }
  }
}
