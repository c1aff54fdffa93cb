import { readSettings, SettingsError } from "../../infra/settings.ts";
import { cdkContext, settingsWith } from "./support.ts";

function problemsOf(context: Record<string, unknown>): readonly string[] {
  try {
    readSettings(context);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe("settings", () => {
  it("of cdk.json are right", () => {
    expect(settingsWith().stage).toBe("dev");
  });

  it("are changed one by one from the command line", () => {
    const settings = settingsWith({
      "stopcode.stage": "prod",
      "stopcode.analyze.timeoutSeconds": "300",
      "stopcode.features.archive": "false",
      "stopcode.alarms.email": "crashes@example.com",
    });
    expect(settings).toMatchObject({
      stage: "prod",
      analyze: { timeoutSeconds: 300, memoryMb: 1024 },
      features: { archive: false },
      alarms: { email: "crashes@example.com" },
    });
  });

  it("that are wrong are all named at once", () => {
    const problems = problemsOf({
      ...cdkContext(),
      "stopcode.shards": "many",
      "stopcode.stage": "Prod!",
      "stopcode.alarms.email": "nobody",
      "stopcode.retentionDays.logs": "31",
      "stopcode.colour": "red",
      "stopcode.features.archive.deep": "1",
    });
    expect(problems.map((problem) => problem.split(":")[0])).toEqual([
      "stopcode.features.archive.deep",
      "stopcode.stage",
      "stopcode.retentionDays.logs",
      "stopcode.shards",
      "stopcode.alarms.email",
      "stopcode.colour",
    ]);
  });

  it("that contradict each other are named with the limit", () => {
    expect(problemsOf({ ...cdkContext(), "stopcode.budgets.ms": "119000" })).toEqual([
      "stopcode.budgets.ms: must be at most 118000: analyze.timeoutSeconds less 2 s to write the report",
    ]);
    expect(problemsOf({ ...cdkContext(), "stopcode.analyze.reservedConcurrency": "10" })).toEqual([
      "stopcode.analyze.reservedConcurrency: must be at least analyze.maximumConcurrency (50), else the queue is throttled",
    ]);
  });

  it.each([undefined, null, [], "dev"])("are refused as %p", (value) => {
    expect(problemsOf({ stopcode: value })).toEqual(["stopcode: missing, expected an object"]);
  });

  it("cannot reach a prototype", () => {
    expect(problemsOf({ ...cdkContext(), "stopcode.__proto__.x": "1" })).not.toEqual([]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
