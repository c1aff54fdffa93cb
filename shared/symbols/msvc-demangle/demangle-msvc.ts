import { type DeclaredType, MangledReader, typeText } from "./mangled-reader.ts";
import { MangledTypes, type TypeNames } from "./mangled-types.ts";
import { OPERATOR_NAMES, RTTI_NAMES } from "./operator-names.ts";

/** Longest mangled name that is read: longer ones are cut by Microsoft's compiler. */
const MAX_MANGLED = 8192;
/** Names around a name: a guard. */
const MAX_SCOPES = 128;

/** A name before the classes around it are known. */
interface Leaf {
  readonly kind: "name" | "constructor" | "destructor" | "conversion";
  readonly text: string;
  /** Arguments of a template, with their brackets. */
  readonly arguments: string;
}

/**
 * The readable name of a symbol of Visual C++ as debuggers print it: scopes and template arguments, without result,
 * parameters, access and calling convention (UNDNAME_NAME_ONLY without `class` and `struct`), and as Microsoft's
 * compiler itself names functions in debug information. Types of function pointers in template arguments are whole.
 * https://learn.microsoft.com/windows/win32/api/dbghelp/nf-dbghelp-undecoratesymbolname
 * @returns undefined for names that follow no known rule: they are shown as they are
 */
export function demangleMsvc(mangled: string): string | undefined {
  if (!mangled.startsWith("?") || mangled.length > MAX_MANGLED) return undefined;
  const reader = new MangledReader(mangled);
  const name = new SymbolName(reader).symbol();
  // Linkers and profilers add words behind a dot.
  return reader.failed || !(reader.atEnd || reader.peek() === ".") || name === "" ? undefined : name;
}

/** Names of symbols and classes. */
class SymbolName implements TypeNames {
  readonly #reader: MangledReader;
  readonly #types: MangledTypes;

  constructor(reader: MangledReader) {
    this.#reader = reader;
    this.#types = new MangledTypes(reader, this);
  }

  /** A whole symbol from its `?` on. */
  symbol(): string {
    return this.#reader.nested(() => this.#symbol(), "");
  }

  qualifiedName(): string {
    const reader = this.#reader;
    const leaf = reader.nested(() => this.#scope(), "");
    return reader.bounded([...this.#scopes(), leaf].join("::"));
  }

  #symbol(): string {
    const reader = this.#reader;
    reader.expect("?");
    if (reader.accept("?_C@")) {
      // Length, hash and the first characters of a literal: they are memory of the program, not a name.
      reader.rest();
      return "`string'";
    }
    if (reader.accept("?_R")) return this.#rtti();
    if (reader.accept("?__E")) return this.#ofVariable("dynamic initializer for");
    if (reader.accept("?__F")) return this.#ofVariable("dynamic atexit destructor for");
    const leaf = this.#leaf();
    const scopes = this.#scopes();
    const owner = scopes.at(-1) ?? "";
    if (owner === "" && (leaf.kind === "constructor" || leaf.kind === "destructor")) return reader.fail();
    const { result, suffix } = this.#encoding();
    if (leaf.kind === "conversion" && !result) return reader.fail();
    const own = {
      name: leaf.text,
      constructor: owner,
      destructor: `~${owner}`,
      conversion: `operator${leaf.arguments} ${result ? typeText(result) : ""}`,
    }[leaf.kind];
    const args = leaf.kind === "conversion" ? "" : leaf.arguments;
    return reader.bounded([...scopes, `${own}${args}${suffix}`].join("::"));
  }

  /** Run-time type information, behind `??_R`. */
  #rtti(): string {
    const reader = this.#reader;
    if (reader.accept("0")) {
      const type = typeText(this.#types.type());
      reader.expect("@8");
      return reader.bounded(`${type} \`RTTI Type Descriptor'`);
    }
    let kind = "";
    if (reader.accept("1")) {
      const numbers = [0, 1, 2, 3].map(() => reader.number());
      kind = `\`RTTI Base Class Descriptor at (${numbers.join(",")})'`;
    } else {
      kind = RTTI_NAMES.get(reader.take()) ?? reader.fail();
    }
    const scopes = this.#scopes();
    this.#encoding();
    return reader.bounded([...scopes, kind].join("::"));
  }

  /** A function that the compiler makes for a variable, behind `??__E` or `??__F`. */
  #ofVariable(what: string): string {
    const reader = this.#reader;
    let name: string;
    if (reader.startsWith("?")) {
      name = this.symbol();
      reader.expect("@");
      // Scopes are part of the variable's own name here.
      reader.accept("@");
    } else {
      name = this.qualifiedName();
    }
    this.#encoding();
    return reader.bounded(`\`${what} '${name}''`);
  }

  #leaf(): Leaf {
    const reader = this.#reader;
    if (reader.accept("?$")) {
      return reader.nested(
        () =>
          reader.withFreshReferences((): Leaf => {
            const leaf = this.#plainLeaf();
            return { ...leaf, arguments: this.#templateArguments() };
          }),
        { kind: "name", text: "", arguments: "" },
      );
    }
    return this.#plainLeaf();
  }

  #plainLeaf(): Leaf {
    const reader = this.#reader;
    if (reader.accept("?")) {
      let code = reader.take();
      if (code === "0") return { kind: "constructor", text: "", arguments: "" };
      if (code === "1") return { kind: "destructor", text: "", arguments: "" };
      if (code === "B") return { kind: "conversion", text: "", arguments: "" };
      if (code === "_") code += reader.take();
      if (code === "__") code += reader.take();
      if (code === "__K") return { kind: "name", text: `operator ""${this.#simple()}`, arguments: "" };
      return { kind: "name", text: OPERATOR_NAMES.get(code) ?? reader.fail(), arguments: "" };
    }
    return { kind: "name", text: reader.referredName() ?? this.#simple(), arguments: "" };
  }

  /** Names around a name up to the `@` that ends them, outermost first. */
  #scopes(): string[] {
    const reader = this.#reader;
    const scopes: string[] = [];
    while (!reader.accept("@")) {
      if (reader.failed || scopes.length >= MAX_SCOPES) {
        reader.fail();
        break;
      }
      scopes.unshift(reader.nested(() => this.#scope(), ""));
    }
    return scopes;
  }

  /** One of the names around a name. */
  #scope(): string {
    const reader = this.#reader;
    const known = reader.referredName();
    if (known !== undefined) return known;
    if (reader.accept("?$")) {
      const name = reader.withFreshReferences(() => {
        const leaf = this.#plainLeaf();
        if (leaf.kind !== "name") reader.fail();
        return `${leaf.text}${this.#templateArguments()}`;
      });
      return reader.remember(name);
    }
    if (reader.accept("?A")) {
      // The hash tells namespaces of several files apart, also for references.
      return reader.remember(ANONYMOUS, `?A${reader.accept("@") ? "" : reader.upToAt()}`);
    }
    if (reader.atLocalScope) {
      reader.take();
      const number = reader.startsWith("@") ? 0n : reader.number();
      if (number === 0n) reader.accept("@");
      const symbol = reader.accept("?") && reader.startsWith("?") ? this.symbol() : reader.fail();
      return reader.bounded(`\`${symbol}'::\`${number}'`);
    }
    return this.#simple();
  }

  #simple(): string {
    const text = this.#reader.upToAt();
    if (/[?\p{Cc}]/u.test(text)) return this.#reader.fail();
    return this.#reader.remember(text);
  }

  #templateArguments(): string {
    const reader = this.#reader;
    const list: string[] = [];
    while (!reader.accept("@")) {
      if (reader.failed || list.length > 1024) return reader.fail();
      // An empty pack, and the mark between packs.
      if (["$$V", "$$$V", "$$Z", "$S"].some((mark) => reader.accept(mark))) continue;
      list.push(reader.bounded(reader.nested(() => this.#templateArgument(), "")));
      reader.bounded(list.length > 8 ? list.join(",") : "");
    }
    const text = list.join(",");
    return reader.bounded(`<${text}${text.endsWith(">") ? " " : ""}>`);
  }

  #templateArgument(): string {
    const reader = this.#reader;
    if (reader.accept("$0")) return String(reader.number());
    if (reader.accept("$M")) {
      this.#types.type();
      return this.#templateArgument();
    }
    if (reader.accept("$1")) return `&${this.symbol()}`;
    if (reader.accept("$E")) return this.symbol();
    for (const [mark, symbol, numbers] of MEMBER_POINTERS) {
      if (!reader.accept(mark)) continue;
      const parts = symbol ? [this.symbol()] : [];
      for (let index = 0; index < numbers; index++) parts.push(String(reader.number()));
      return `{${parts.join(",")}}`;
    }
    if (reader.accept("$$Y")) return this.qualifiedName();
    // The compiler writes a space behind the qualifiers of a bare type.
    if (reader.accept("$$C")) return `${typeText(this.#types.qualified())} `;
    return typeText(this.#types.type());
  }

  /** What follows a name: the kind of symbol and its type. A result only for functions. */
  #encoding(): { readonly result?: DeclaredType; readonly suffix: string } {
    const reader = this.#reader;
    const letter = reader.take();
    if (letter >= "A" && letter <= "Z") return { result: this.#function(letter), suffix: "" };
    if (letter >= "0" && letter <= "4") {
      this.#types.type();
      this.#types.skipExtensions();
      if (this.#types.qualifiers().member) this.qualifiedName();
      return { suffix: "" };
    }
    switch (letter) {
      case "5":
        // A guard of local variables, with its number.
        if (!reader.atEnd) reader.number();
        return { suffix: "" };
      case "6":
      case "7":
        this.#types.skipExtensions();
        this.#types.qualifiers();
        // The bases that this table is for.
        while (!reader.failed && !reader.accept("@")) this.qualifiedName();
        return { suffix: "" };
      case "8":
      case "9":
        return { suffix: "" };
      case "$":
        return this.#thunk();
      default:
        reader.fail();
        return { suffix: "" };
    }
  }

  /** Members that are no static ones have qualifiers of `this`; those of adjustor thunks an offset before. */
  #function(letter: string): DeclaredType {
    const reader = this.#reader;
    const kind = letter >= "Y" ? "global" : KINDS[((letter.charCodeAt(0) - 0x41) >> 1) & 3];
    if (kind === "thunk") reader.number();
    if (kind === "member" || kind === "virtual" || kind === "thunk") {
      this.#types.skipExtensions();
      this.#types.qualifiers();
    }
    return this.#types.functionType().result;
  }

  /** `$B`: calls of virtual functions by their place; `$0` to `$5` and `$R`: thunks of virtual bases; `$$J`: C names. */
  #thunk(): { readonly result?: DeclaredType; readonly suffix: string } {
    const reader = this.#reader;
    if (reader.accept("B")) {
      const place = reader.number();
      reader.expect("A");
      reader.take();
      return { suffix: `{${place}}'` };
    }
    if (reader.accept("$J0") || reader.accept("$F") || reader.accept("$H")) return this.#encoding();
    const extended = reader.accept("R");
    const code = reader.take();
    if (!(code >= "0" && code <= "5")) reader.fail();
    for (let index = 0; index < (extended ? 4 : 2); index++) reader.number();
    this.#types.skipExtensions();
    this.#types.qualifiers();
    return { result: this.#types.functionType().result, suffix: "" };
  }
}

const ANONYMOUS = "`anonymous namespace'";
const KINDS = ["member", "static", "virtual", "thunk"] as const;
/** Pointers to members as arguments: mark, whether a symbol follows, how many numbers. */
const MEMBER_POINTERS: readonly (readonly [string, boolean, number])[] = [
  ["$H", true, 1],
  ["$I", true, 2],
  ["$J", true, 3],
  ["$F", false, 2],
  ["$G", false, 3],
];
