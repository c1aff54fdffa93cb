import { type DeclaredType, type MangledReader, typeText } from "./mangled-reader.ts";

/** Types of one letter. */
const BASIC: Readonly<Record<string, string>> = {
  C: "signed char",
  D: "char",
  E: "unsigned char",
  F: "short",
  G: "unsigned short",
  H: "int",
  I: "unsigned int",
  J: "long",
  K: "unsigned long",
  M: "float",
  N: "double",
  O: "long double",
  X: "void",
};

/** Types of a letter behind `_`. */
const EXTENDED: Readonly<Record<string, string>> = {
  D: "__int8",
  E: "unsigned __int8",
  F: "__int16",
  G: "unsigned __int16",
  H: "__int32",
  I: "unsigned __int32",
  J: "__int64",
  K: "unsigned __int64",
  L: "__int128",
  M: "unsigned __int128",
  N: "bool",
  P: "auto",
  Q: "char8_t",
  S: "char16_t",
  T: "decltype(auto)",
  U: "char32_t",
  W: "wchar_t",
};

/** Calling conventions; the second letter of each pair says that the function is exported. */
const CONVENTIONS: Readonly<Record<string, string>> = {
  A: "__cdecl",
  C: "__pascal",
  E: "__thiscall",
  G: "__stdcall",
  I: "__fastcall",
  M: "__clrcall",
  O: "__eabi",
  Q: "__vectorcall",
  S: "__swift_1",
  W: "__swift_2",
  w: "__regcall",
};

const POINTERS: Readonly<Record<string, string>> = {
  P: "*",
  Q: "* const",
  R: "* volatile",
  S: "* const volatile",
  A: "&",
  B: "& volatile",
};

/** Most dimensions of an array and parameters of a function: guards, not limits of real names. */
const MAX_DIMENSIONS = 32;
const MAX_PARAMETERS = 512;

const NO_TYPE: DeclaredType = { left: "", right: "" };

/** What types need of names. */
export interface TypeNames {
  /** The name of a class or enumeration, up to the `@` that ends it. */
  qualifiedName(): string;
}

/** Types of mangled names, written as Microsoft's compiler writes them in debug information: no `class`, no `__ptr64`. */
export class MangledTypes {
  readonly #reader: MangledReader;
  readonly #names: TypeNames;

  constructor(reader: MangledReader, names: TypeNames) {
    this.#reader = reader;
    this.#names = names;
  }

  /** A type; with `?` before it, qualifiers come first. */
  type(): DeclaredType {
    return this.#reader.nested(() => this.#type(), NO_TYPE);
  }

  /** What follows the name of a function that is no member: convention, result, parameters. */
  functionType(): { readonly type: DeclaredType; readonly result: DeclaredType } {
    const reader = this.#reader;
    const letter = reader.take();
    const convention = CONVENTIONS[letter] ?? CONVENTIONS[String.fromCharCode(letter.charCodeAt(0) - 1)];
    if (convention === undefined) reader.fail();
    const result = reader.accept("@") ? NO_TYPE : this.type();
    const parameters = this.#parameters();
    if (!reader.accept("_E")) reader.expect("Z");
    return {
      type: {
        left: reader.bounded(`${result.left} `),
        group: convention ?? "",
        right: reader.bounded(`(${parameters})${result.right}`),
      },
      result,
    };
  }

  /** Takes the letters before qualifiers: 64-bit pointers, `__restrict`, `__unaligned`, `&` and `&&` of members. */
  skipExtensions(): void {
    const reader = this.#reader;
    while ("EFGHI".includes(reader.peek()) && !reader.atEnd) reader.take();
  }

  /** `const` and `volatile` behind a type; `Q` to `T` say the same of a member that a pointer leads to. */
  qualifiers(): { readonly text: string; readonly member: boolean } {
    const letter = this.#reader.take();
    const index = letter === "" ? -1 : "ABCDQRST".indexOf(letter);
    if (index < 0) this.#reader.fail();
    return { text: ["", " const", " volatile", " const volatile"][index & 3] ?? "", member: index >= 4 };
  }

  /** `A` to `T` before a type. */
  qualified(): DeclaredType {
    const { text } = this.qualifiers();
    return suffixed(this.type(), text);
  }

  /** Dimensions and elements, behind `Y`. */
  array(): DeclaredType {
    const reader = this.#reader;
    const count = Number(reader.number());
    if (count < 1 || count > MAX_DIMENSIONS) {
      reader.fail();
      return NO_TYPE;
    }
    let dimensions = "";
    for (let index = 0; index < count; index++) dimensions += `[${reader.number()}]`;
    const element = reader.accept("$$C") ? this.qualified() : this.type();
    return { left: `${element.left} `, group: "", right: reader.bounded(`${dimensions}${element.right}`) };
  }

  #type(): DeclaredType {
    const reader = this.#reader;
    if (reader.accept("?")) return this.qualified();
    if (reader.accept("$$")) return this.#rare();
    const letter = reader.take();
    if (letter === "_") return this.#plain(EXTENDED[reader.take()]);
    if (letter === "T" || letter === "U" || letter === "V") return this.#plain(this.#names.qualifiedName());
    if (letter === "W") {
      // The size of an enumeration.
      reader.take();
      return this.#plain(`enum ${this.#names.qualifiedName()}`);
    }
    if (letter === "Y") return this.array();
    const pointer = POINTERS[letter];
    return pointer === undefined ? this.#plain(BASIC[letter]) : this.#pointer(pointer);
  }

  #plain(text: string | undefined): DeclaredType {
    if (text === undefined || text === "") this.#reader.fail();
    return { left: text ?? "", right: "" };
  }

  #rare(): DeclaredType {
    const reader = this.#reader;
    switch (reader.take()) {
      case "A":
        if (reader.accept("8@@")) {
          this.skipExtensions();
          this.qualifiers();
        } else reader.expect("6");
        return this.functionType().type;
      case "B":
        reader.expect("Y");
        return this.array();
      case "C":
        return this.qualified();
      case "Q":
        return this.#pointer("&&");
      case "R":
        return this.#pointer("&& volatile");
      case "T":
        return { left: "std::nullptr_t", right: "" };
      default:
        reader.fail();
        return NO_TYPE;
    }
  }

  #pointer(sign: string): DeclaredType {
    const reader = this.#reader;
    if (reader.accept("6") || reader.accept("7")) return pointerTo(this.functionType().type, sign);
    if (reader.accept("8")) {
      const owner = this.#names.qualifiedName();
      this.skipExtensions();
      const { text } = this.qualifiers();
      const { type } = this.functionType();
      const group = `${type.group} `;
      return pointerTo({ left: type.left, group, right: reader.bounded(`${type.right}${text}`) }, `${owner}::${sign}`);
    }
    this.skipExtensions();
    const { text, member } = this.qualifiers();
    const owner = member ? `${this.#names.qualifiedName()}::` : "";
    const target = pointerTo(suffixed(this.type(), text), `${owner}${sign}`);
    return { left: reader.bounded(target.left), right: reader.bounded(target.right) };
  }

  /** `void`, or types up to `@`, or up to `Z` when more may come. */
  #parameters(): string {
    const reader = this.#reader;
    if (reader.accept("X")) return "void";
    let text = "";
    for (let count = 0; !reader.failed && count < MAX_PARAMETERS; count++) {
      if (reader.accept("@")) return text;
      if (reader.accept("Z")) return count === 0 ? "..." : `${text},...`;
      text = reader.bounded(`${text}${count > 0 ? "," : ""}${typeText(this.#parameter())}`);
    }
    return reader.fail();
  }

  #parameter(): DeclaredType {
    const reader = this.#reader;
    const digit = reader.peek();
    if (digit >= "0" && digit <= "9") {
      reader.take();
      const known = reader.references.types[Number(digit)];
      if (!known) reader.fail();
      return known ?? NO_TYPE;
    }
    const start = reader.position;
    const type = this.type();
    // A type of one letter is no longer than a reference to it.
    if (reader.position - start > 1) reader.rememberType(type);
    return type;
  }
}

function suffixed(type: DeclaredType, qualifiers: string): DeclaredType {
  // A reference to a constant pointer says so twice.
  if (qualifiers === "" || type.left.endsWith(qualifiers)) return type;
  if (type.group === undefined) return { ...type, left: `${type.left}${qualifiers}` };
  // The elements of an array are what is constant.
  return { ...type, left: `${type.left.trimEnd()}${qualifiers} ` };
}

function pointerTo(type: DeclaredType, sign: string): DeclaredType {
  // Another star within the brackets of a pointer to a function stands close.
  const gap = type.right.startsWith(")") ? "" : " ";
  if (type.group === undefined) return { left: `${type.left}${gap}${sign}`, right: type.right };
  return { left: `${type.left}(${type.group}${sign.replace("* ", "*")}`, right: `)${type.right}` };
}
