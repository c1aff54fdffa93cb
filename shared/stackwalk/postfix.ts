/**
 * Postfix expressions of Breakpad's symbol files: rules of STACK CFI and programs of STACK WIN.
 * https://chromium.googlesource.com/breakpad/breakpad/+/HEAD/docs/symbol_files.md
 */

/** Longer programs are no compiler's. */
const MAX_TOKENS = 512;

/** What an expression reads. */
export interface PostfixScope {
  /** 32 or 64: results wrap to so many bits. */
  readonly bits: 32 | 64;
  /** Value of a register or variable; undefined where it is not known. */
  variable(name: string): bigint | undefined;
  /** A pointer in memory; undefined in a hole. */
  dereference(address: bigint): bigint | undefined;
}

const BINARY: Readonly<Record<string, (a: bigint, b: bigint) => bigint | undefined>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => (b === 0n ? undefined : a / b),
  "%": (a, b) => (b === 0n ? undefined : a % b),
  // Aligns downwards.
  "@": (a, b) => (b > 0n && (b & (b - 1n)) === 0n ? a & -b : undefined),
};

/**
 * Evaluates an expression, or a program of assignments.
 * @param assign takes `name value =`; absent where expressions assign nothing
 * @returns the value on top at the end; undefined when anything in it is unknown or malformed
 */
export function evaluatePostfix(
  expression: string,
  scope: PostfixScope,
  assign?: (name: string, value: bigint) => void,
): bigint | undefined {
  // Some linkers leave out the space behind an assignment.
  const tokens = expression.replaceAll("=", " = ").split(" ", 2 * MAX_TOKENS);
  if (tokens.length >= 2 * MAX_TOKENS) return undefined;
  const stack: (bigint | string)[] = [];
  const value = (): bigint | undefined => {
    const top = stack.pop();
    return typeof top === "string" ? scope.variable(top) : top;
  };
  let last: bigint | undefined;
  for (const token of tokens) {
    if (token === "") continue;
    const operation = BINARY[token];
    if (operation) {
      const b = value();
      const a = value();
      const result = a === undefined || b === undefined ? undefined : operation(a, b);
      if (result === undefined) return undefined;
      stack.push(BigInt.asUintN(scope.bits, result));
    } else if (token === "^") {
      const address = value();
      const loaded = address === undefined ? undefined : scope.dereference(address);
      if (loaded === undefined) return undefined;
      stack.push(loaded);
    } else if (token === "=") {
      const assigned = value();
      const name = stack.pop();
      if (assigned === undefined || typeof name !== "string" || !assign) return undefined;
      assign(name, assigned);
      last = assigned;
    } else if (/^-?\d{1,20}$/.test(token)) stack.push(BigInt.asUintN(scope.bits, BigInt(token)));
    else stack.push(token);
  }
  return stack.length === 1 ? value() : stack.length === 0 ? last : undefined;
}
