import { EMULATOR_ENV, type Emulator, startEmulator } from "../support/emulator/emulator.ts";

/** Where the teardown finds the emulator: jest runs both in one process. */
export const EMULATOR_SLOT = Symbol.for("stopcode.emulator");

/**
 * Starts the emulator unless AWS_ENDPOINT_URL names one that runs already. Test files
 * inherit the variables that are set here; SDK clients find endpoint and credentials in them.
 */
// biome-ignore lint/style/noDefaultExport: jest asks for it
export default async function setup(): Promise<void> {
  Object.assign(process.env, EMULATOR_ENV);
  if (process.env["AWS_ENDPOINT_URL"]) return;
  const emulator = await startEmulator();
  process.env["AWS_ENDPOINT_URL"] = emulator.endpoint;
  (globalThis as { [EMULATOR_SLOT]?: Emulator })[EMULATOR_SLOT] = emulator;
}
