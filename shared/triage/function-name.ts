/** Function names as lists and buckets write them: without parameters and offsets. */

/** A symbol without its parameter list; names that are nothing else stay. */
export function plainFunction(symbol: string): string {
  let depth = 0;
  let end = symbol.length;
  // From the end, so that `(anonymous namespace)::f(int)` and `operator()(int)` keep their first parentheses.
  const close = symbol.lastIndexOf(")");
  for (let at = close; at > 0; at--) {
    if (symbol[at] === ")") depth += 1;
    if (symbol[at] === "(") depth -= 1;
    if (depth === 0) {
      end = at;
      break;
    }
  }
  const name = close > 0 && end > 0 ? symbol.slice(0, end) : symbol;
  return name.trim() || symbol;
}

/**
 * A function's name as bucket strings have it: brackets of templates, commas, spaces, quotes and `~` as `_`, and
 * `operator()` without its parentheses, as printed buckets show (`Foo::_Foo`, `_lambda_1_::operator`).
 */
export function bucketFunction(symbol: string): string {
  return plainFunction(symbol)
    .replaceAll("(anonymous namespace)", "`anonymous namespace'")
    .replaceAll("operator()", "operator")
    .replace(/,\s+/g, ",")
    .replace(/[<>,~`'\s]/g, "_");
}
