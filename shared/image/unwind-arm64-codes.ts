/** How functions of ARM64 images are undone, whichever form their unwind data have. */

/** What a step does besides restoring registers and moving the stack pointer. */
export type Arm64Special = "nop" | "set-fp" | "strip" | "trap-frame" | "machine-frame" | "context" | "interrupted";

/** One instruction of a prologue, as it is undone: `restore` first, relative to the stack pointer, then `add`. */
export interface Arm64Code {
  readonly special?: Arm64Special;
  /** `set-fp`: the stack pointer is the frame pointer less this. Bytes. */
  readonly below?: number;
  /** Register numbers (29 frame pointer, 30 link register) and where they lie. */
  readonly restore?: readonly (readonly [register: number, offset: number])[];
  /** Bytes that the stack pointer goes up. */
  readonly add?: number;
}

/** How a function is undone. */
export interface Arm64Unwind {
  readonly begin: number;
  /** Bytes of the function. */
  readonly length: number;
  /** The prologue backwards: all of it is undone from the body. */
  readonly codes: readonly Arm64Code[];
  /** False for parts of functions that start and end without one. */
  readonly hasProlog: boolean;
  readonly epilogs: readonly { readonly start: number; readonly codes: readonly Arm64Code[] }[];
}
