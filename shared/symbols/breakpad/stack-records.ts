import type { WinFrameData } from "../../stackwalk/symbol-provider.ts";
import { forEachLine, LineReader } from "./text-reader.ts";

/** STACK records of Breakpad files: how a caller's registers are recovered. */

/**
 * Rules of a STACK CFI INIT record and those of its STACK CFI records that are in force at an address.
 * @param block the INIT record and the records behind it
 */
export function readCfiRules(block: Uint8Array, rva: number): Map<string, string> {
  const rules = new Map<string, string>();
  forEachLine(block, (start, end) => {
    const line = new LineReader(block, start, end);
    line.keyword("STACK");
    if (!line.keyword("CFI")) return;
    const init = line.keyword("INIT");
    const from = line.hex();
    if (init) line.hex();
    else if (!(from <= rva)) return;
    addRules(rules, line.rest());
  });
  return rules;
}

/** Adds rules of the form `.cfa: $rsp 8 + .ra: .cfa -8 + ^`; a later rule of a register replaces an earlier one. */
function addRules(rules: Map<string, string>, text: string): void {
  let name = "";
  let expression: string[] = [];
  const keep = (): void => {
    if (name !== "") rules.set(name, expression.join(" "));
  };
  for (const token of text.split(" ")) {
    if (token.length > 1 && token.endsWith(":")) {
      keep();
      name = token.slice(0, -1);
      expression = [];
    } else if (token !== "") {
      expression.push(token);
    }
  }
  keep();
}

/**
 * Reads a STACK WIN record.
 * @returns undefined when a field is no number
 */
export function readFrameData(bytes: Uint8Array): WinFrameData | undefined {
  const line = new LineReader(bytes);
  line.keyword("STACK");
  line.keyword("WIN");
  const type = line.hex();
  const rva = line.hex();
  const codeSize = line.hex();
  const prologSize = line.hex();
  line.hex(); // epilogue_size is not needed to unwind
  const paramSize = line.hex();
  const savedRegSize = line.hex();
  const localSize = line.hex();
  const maxStack = line.hex();
  const hasProgram = line.hex() === 1;
  const last = line.rest();
  const sizes = { rva, codeSize, prologSize, paramSize, savedRegSize, localSize, maxStack };
  if (!Object.values(sizes).every((value) => value >= 0)) return undefined;
  return {
    type: type === 4 ? "frame-data" : "fpo",
    ...sizes,
    ...(hasProgram && { program: last.trim() }),
    usesBp: !hasProgram && Number.parseInt(last, 16) > 0,
  };
}
