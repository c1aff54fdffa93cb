/** Reads what a debugger printed: a public log of `!analyze -v`, whole or in part. Knows nothing of our own layouts. */

/** A line of STACK_TEXT. */
export interface PrintedFrame {
  /** Absent where the log left it out. */
  readonly returnAddress?: bigint;
  readonly args: readonly bigint[];
  /** `nt` of `nt!KeBugCheckEx+0x19`; absent for bare addresses. */
  readonly module?: string;
  readonly symbol?: string;
  readonly offset: number;
  /** The bare address of code in no module. */
  readonly address?: bigint;
}

/** What a log says. */
export interface PrintedAnalysis {
  /** `(3b)` of the headline, else the code in the call that raised the stop. */
  readonly code?: number;
  readonly args: readonly bigint[];
  /** `KEY: value` lines, the first of each key. */
  readonly fields: ReadonlyMap<string, string>;
  /** `Key  : x` / `Value: y` pairs. */
  readonly keys: ReadonlyMap<string, string>;
  readonly frames: readonly PrintedFrame[];
  /** Build of Windows, by OS_VERSION, the version of the kernel's image or the line of the connection. */
  readonly build?: number;
}

const hex = (text: string): bigint => BigInt(`0x${text.replace("`", "")}`);

/** Reads a log. */
export function parseAnalysis(text: string): PrintedAnalysis {
  const lines = text.split(/\r?\n/);
  const frames = framesOf(lines);
  const headline = lines.map((line) => /^[A-Z][A-Z0-9_]+ \(([0-9a-f]+)\)/.exec(line)?.[1]).find(Boolean);
  const args = lines.flatMap((line) => /^Arg[1-4]: ([0-9a-f]+)/.exec(line)?.[1] ?? []).map(hex);
  const raised = frames.find(({ symbol }) => symbol === "KeBugCheckEx")?.args;
  const code = headline === undefined ? raised?.[0] : hex(headline);
  const fields = fieldsOf(lines);
  const build = buildOf(text, fields);
  return {
    ...(code === undefined ? {} : { code: Number(code) }),
    ...(build === undefined ? {} : { build: Number(build) }),
    args: args.length > 0 ? args : (raised?.slice(1) ?? []),
    fields,
    keys: keysOf(lines),
    frames,
  };
}

function buildOf(text: string, fields: ReadonlyMap<string, string>): string | undefined {
  const version = fields.get("MODULE_NAME") === "nt" ? fields.get("IMAGE_VERSION") : undefined;
  return (fields.get("OS_VERSION") ?? version)?.split(".")[2] ?? /Connected to Windows \S+ (\d+) /.exec(text)?.[1];
}

function fieldsOf(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, key, value] = /^([A-Z][A-Z0-9_]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined && !fields.has(key)) fields.set(key, value);
  }
  return fields;
}

function keysOf(lines: readonly string[]): Map<string, string> {
  const keys = new Map<string, string>();
  let key: string | undefined;
  for (const line of lines) {
    key = /^\s*Key\s*: (\S+)/.exec(line)?.[1] ?? key;
    const value = /^\s*Value: (\S.*?)\s*$/.exec(line)?.[1];
    if (key !== undefined && value !== undefined) keys.set(key, value);
  }
  return keys;
}

function framesOf(lines: readonly string[]): PrintedFrame[] {
  const start = lines.findIndex((line) => /^STACK_TEXT:/.test(line.trim()));
  const frames: PrintedFrame[] = [];
  for (const line of lines.slice(start + 1)) {
    if (start === -1 || (line.trim() === "" && frames.length > 0)) break;
    const frame = wideFrame(line) ?? narrowFrame(line) ?? bareFrame(line);
    if (frame) frames.push(frame);
  }
  return frames;
}

/** `sp return : arg1 arg2 arg3 arg4 : place`; inlined functions have no addresses and are left out. */
function wideFrame(line: string): PrintedFrame | undefined {
  const match = /^[0-9a-f]{8}`[0-9a-f]{8} ([0-9a-f`]{17})\s+: ((?:[0-9a-f`]{17} ?){4}): (\S.*?)\s*$/.exec(line);
  if (!match) return undefined;
  const [, back = "", words = "", place = ""] = match;
  return { returnAddress: hex(back), args: words.trim().split(" ").map(hex), ...placeOf(place) };
}

/** `ebp return arg1 arg2 arg3 place`. */
function narrowFrame(line: string): PrintedFrame | undefined {
  const match = /^[0-9a-f]{8} ([0-9a-f]{8}) ((?:[0-9a-f]{8} ){3})(\S.*?)\s*$/.exec(line);
  if (!match) return undefined;
  const [, back = "", words = "", place = ""] = match;
  return { returnAddress: hex(back), args: words.trim().split(" ").map(hex), ...placeOf(place) };
}

/** `... : place ...` of logs that leave the numbers out. */
function bareFrame(line: string): PrintedFrame | undefined {
  const place = /^\.\.\. : (\S+)/.exec(line)?.[1];
  return place === undefined ? undefined : { args: [], ...placeOf(place) };
}

function placeOf(place: string): Pick<PrintedFrame, "module" | "symbol" | "offset" | "address"> {
  const bare = place.replace(/ \[.*\]$/, "");
  if (/^0x[0-9a-f`]+$/.test(bare)) return { address: hex(bare.slice(2)), offset: 0 };
  const [, name = "", offset] = /^(.*?)(?:\+0x([0-9a-f]+))?$/.exec(bare) ?? [];
  const [module = "", ...symbol] = name.split("!");
  return {
    module,
    ...(symbol.length > 0 ? { symbol: symbol.join("!") } : {}),
    offset: Number.parseInt(offset ?? "0", 16),
  };
}
