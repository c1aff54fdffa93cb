/** Type-strips with swc to CommonJS: three times faster than jest's ESM mode; the package itself stays ESM. */
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: {
    "^.+\\.[jt]s$": [
      "@swc/jest",
      {
        jsc: { target: "es2024", parser: { syntax: "typescript" } },
        module: { type: "commonjs" },
      },
    ],
  },
  transformIgnorePatterns: ["/node_modules/(?!(p-limit|yocto-queue|hono|@hono|commander)/)"],
  modulePathIgnorePatterns: ["<rootDir>/cdk.out", "<rootDir>/.emulator"],
  extensionsToTreatAsEsm: [],
};
