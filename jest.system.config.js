import base from "./jest.config.js";

/** Tests that need the emulator: started once for all files, which run one after the other. */
export default {
  ...base,
  testMatch: ["<rootDir>/test/system/**/*.systest.ts"],
  globalSetup: "<rootDir>/test/system/global-setup.ts",
  globalTeardown: "<rootDir>/test/system/global-teardown.ts",
  maxWorkers: 1,
  testTimeout: 120_000,
};
