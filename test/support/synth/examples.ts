import { KERNEL_EXAMPLES } from "./examples-kernel.ts";
import { USER_EXAMPLES } from "./examples-user.ts";
import { seedSampleDump } from "./seed-sample.ts";

/** All dumps of `examples/`: file name → bytes, the same on every run. */
export const EXAMPLES: Readonly<Record<string, () => Uint8Array>> = {
  "kernel-x86-registry-file-failure.dmp": seedSampleDump,
  ...KERNEL_EXAMPLES,
  ...USER_EXAMPLES,
};
