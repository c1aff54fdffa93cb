import { evaluatePostfix, type PostfixScope } from "../../../shared/stackwalk/postfix.ts";

const scope: PostfixScope = {
  bits: 32,
  variable: (name) => ({ $ebp: 0x100n, $esp: 0xf3n })[name],
  dereference: (address) => (address < 0x1000n ? address + 1n : undefined),
};

describe("postfix expressions", () => {
  it.each([
    ["$ebp 8 +", 0x108n],
    ["$ebp 8 -", 0xf8n],
    ["$esp 16 @", 0xf0n],
    ["$ebp ^", 0x101n],
    ["0 1 -", 0xffff_ffffn],
    ["7 -2 *", 0xffff_fff2n],
    ["-4", 0xffff_fffcn],
    ["17 5 /", 3n],
    ["17 5 %", 2n],
  ])("%s", (expression, value) => {
    expect(evaluatePostfix(expression, scope)).toBe(value);
  });

  it.each(["", "$eax", "$ebp +", "1 0 /", "1 0 %", "8192 ^", "1 2", "$T0 5 =", ".undef", "^", "=", "1 3 @"])(
    "does not know %p",
    (expression) => {
      expect(evaluatePostfix(expression, scope)).toBeUndefined();
    },
  );

  it("assigns in the order of the program", () => {
    const seen: [string, bigint][] = [];
    evaluatePostfix("$T0 5 = $T1 $ebp 4 + =", scope, (name, value) => seen.push([name, value]));
    expect(seen).toEqual([
      ["$T0", 5n],
      ["$T1", 0x104n],
    ]);
  });

  it("is bounded", () => {
    expect(evaluatePostfix("1 ".repeat(100_000), scope)).toBeUndefined();
  });
});
