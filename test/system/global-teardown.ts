import type { Emulator } from "../support/emulator/emulator.ts";
import { EMULATOR_SLOT } from "./global-setup.ts";

/** Ends the emulator that global-setup.ts started, with its Lambdas. */
// biome-ignore lint/style/noDefaultExport: jest asks for it
export default async function teardown(): Promise<void> {
  await (globalThis as { [EMULATOR_SLOT]?: Emulator })[EMULATOR_SLOT]?.stop();
}
