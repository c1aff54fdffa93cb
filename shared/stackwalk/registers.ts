/** Registers while a frame is undone; undefined: not known in the caller. */
export type Registers = Record<string, bigint | undefined>;
