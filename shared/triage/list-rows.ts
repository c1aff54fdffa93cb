/** One entry of a list under lists/: what it is about, what it says, and why. */
export interface ListRow {
  readonly key: string;
  /** Empty in lists of names. */
  readonly value: string;
  readonly reason: string;
}

/** Entries of a generated list, in its order. */
export function listRows(text: string): ListRow[] {
  return text.split("\n").map((line) => {
    const [key = "", value = "", reason = ""] = line.split("\t");
    return { key, value, reason };
  });
}
