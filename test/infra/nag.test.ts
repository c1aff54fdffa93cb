import { AwsSolutionsChecks } from "cdk-nag";
import { synth } from "./support.ts";

describe("cdk-nag", () => {
  // The e-mail and reserved concurrency add resources and properties of their own.
  const { stacks } = synth({
    "stopcode.alarms.email": "crashes@example.com",
    "stopcode.analyze.reservedConcurrency": "60",
  });

  it.each(Object.entries(stacks))("finds nothing in the %s stack that is not answered for", (_, stack) => {
    const report = new AwsSolutionsChecks(stack).validateScope(stack);
    expect(report.violations).toEqual([]);
  });

  it("looks at the stacks at all: without the answers it finds the prefixes", () => {
    const report = new AwsSolutionsChecks(stacks.pipeline).validateScope(stacks.pipeline);
    expect(report.success).toBe(true);
    const answers = stacks.pipeline.node
      .findAll()
      .flatMap((node) => node.node.metadata.filter((entry) => entry.type === "aws:cdk:acknowledged-rules"));
    expect(JSON.stringify(answers)).toContain("IAM5");
  });
});
