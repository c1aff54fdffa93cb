import { readAnalyzeEnv } from "../../functions/runtime.ts";
import { ANALYZE_ENV } from "../../shared/contracts/env.ts";

const good = {
  TABLE_NAME: "table",
  REPORTS_BUCKET: "reports",
  EVENT_BUS_NAME: "bus",
  SHARDS: "8",
  CRASH_RETENTION_DAYS: "0",
  BUDGET_BYTES: "67108864",
  BUDGET_REQUESTS: "2000",
  BUDGET_MS: "90000",
};

describe("readAnalyzeEnv", () => {
  it("reads numbers as numbers", () => {
    expect(readAnalyzeEnv(good)).toMatchObject({ TABLE_NAME: "table", SHARDS: 8, BUDGET_MS: 90_000 });
  });

  it("names all variables that are missing at once, and what each is for", () => {
    const message = errorOf({});
    for (const [name, meaning] of Object.entries(ANALYZE_ENV))
      expect(message).toContain(`${name}: missing (${meaning})`);
  });

  it.each([
    ["SHARDS", "0"],
    ["SHARDS", "65"],
    ["SHARDS", "8.5"],
    ["BUDGET_MS", "1e3"],
    ["BUDGET_BYTES", ""],
    ["TABLE_NAME", ""],
  ])("refuses %s=%j and nothing else", (name, value) => {
    const lines = errorOf({ ...good, [name]: value }).split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(new RegExp(`^  ${name}: .+ \\(.+\\)$`));
  });
});

function errorOf(env: Record<string, string>): string {
  try {
    readAnalyzeEnv(env);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return "";
}
