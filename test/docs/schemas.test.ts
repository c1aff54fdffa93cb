import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { generatedSchemas } from "../../scripts/docs-schemas.ts";

const docs = join(__dirname, "../../docs");

describe("docs/", () => {
  it.each([...generatedSchemas().keys()])("%s is what the code says", (path) => {
    expect(readFileSync(join(docs, path), "utf8")).toBe(generatedSchemas().get(path));
  });

  it.each([...generatedSchemas().keys()])("%s is a JSON Schema that a validator takes", (path) => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    expect(() => ajv.compile(JSON.parse(readFileSync(join(docs, path), "utf8")))).not.toThrow();
  });
});
