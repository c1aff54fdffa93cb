/**
 * Reads a TypeScript file just well enough to find its imports and keywords: comments and the contents of
 * strings are taken out first, so that code in a comment or a message is not taken for code.
 */

/** A source without comments; each string is replaced by `"§n§"`, n being its index in `strings`. */
export interface BareSource {
  readonly code: string;
  readonly strings: readonly string[];
}

/** An import of any form. */
export interface SourceImport {
  /** As written; undefined when it is computed. */
  readonly specifier: string | undefined;
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|await))\s*$/;

/** Takes comments and string contents out. */
export function bareSource(source: string): BareSource {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  const keep = (text: string): void => {
    code += `"§${strings.push(text) - 1}§"`;
  };
  /** The template from its first character; code in `${}` is kept as code. */
  const template = (): void => {
    let text = "";
    at += 1;
    while (at < source.length && source[at] !== "`") {
      if (source[at] === "\\") {
        text += source.slice(at, at + 2);
        at += 2;
      } else if (source.startsWith("${", at)) {
        at += 2;
        code += "(";
        walk("}");
        code += ")";
        text += "{}";
      } else text += source[at++];
    }
    at += 1;
    keep(text);
  };
  /** Code up to an unpaired `end`, or to the end of the source. */
  const walk = (end: string): void => {
    let depth = 0;
    while (at < source.length) {
      const char = source[at] as string;
      if (char === end && depth === 0) {
        at += 1;
        return;
      }
      if (source.startsWith("//", at)) {
        const line = source.indexOf("\n", at);
        at = line < 0 ? source.length : line;
      } else if (source.startsWith("/*", at)) {
        const close = source.indexOf("*/", at + 2);
        const stop = close < 0 ? source.length : close + 2;
        code += source.slice(at, stop).replace(/[^\n]/g, "") || " ";
        at = stop;
      } else if (char === '"' || char === "'") quoted(char);
      else if (char === "`") template();
      else if (char === "/" && REGEX_MAY_FOLLOW.test(code.slice(-80))) regex();
      else {
        if (char === "{") depth += 1;
        if (char === "}") depth -= 1;
        code += char;
        at += 1;
      }
    }
  };
  const quoted = (quote: string): void => {
    const start = ++at;
    while (at < source.length && source[at] !== quote && source[at] !== "\n") at += source[at] === "\\" ? 2 : 1;
    keep(source.slice(start, at));
    at += 1;
  };
  const regex = (): void => {
    const start = at++;
    let inClass = false;
    while (at < source.length && source[at] !== "\n" && (inClass || source[at] !== "/")) {
      if (source[at] === "[") inClass = true;
      if (source[at] === "]") inClass = false;
      at += source[at] === "\\" ? 2 : 1;
    }
    at += 1;
    keep(source.slice(start, at));
  };
  walk("");
  return { code, strings };
}

const STATIC = /\b(import|export)\b((?:\s+type\b)?)([^;"()=]*?)\bfrom\s*"§(\d+)§"/g;
const SIDE_EFFECT = /\bimport\s*"§(\d+)§"/g;
const CALL = /(typeof\s+)?\b(import|require)\s*\(\s*(?:"§(\d+)§"\s*[,)])?/g;

/** All imports of a source: static, re-exports, side effects, dynamic, `require`, and `import("…")` types. */
export function importsOf(source: string): SourceImport[] {
  const { code, strings } = bareSource(source);
  const out: SourceImport[] = [];
  for (const [, , type, clause, index] of code.matchAll(STATIC)) {
    const typeOnly = type !== "" || everyNameIsType(clause ?? "");
    out.push({ specifier: strings[Number(index)], typeOnly, dynamic: false });
  }
  for (const [, index] of code.matchAll(SIDE_EFFECT)) {
    out.push({ specifier: strings[Number(index)], typeOnly: false, dynamic: false });
  }
  for (const [, typeOf, , index] of code.matchAll(CALL)) {
    const specifier = index === undefined ? undefined : strings[Number(index)];
    out.push({ specifier, typeOnly: typeOf !== undefined, dynamic: true });
  }
  return out;
}

/** `{ type A, type B }`: with `verbatimModuleSyntax` such an import still runs the module. */
function everyNameIsType(clause: string): boolean {
  const names = /^\s*\{(.*)\}\s*$/s
    .exec(clause)?.[1]
    ?.split(",")
    .filter((name) => name.trim() !== "");
  return names !== undefined && names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}
