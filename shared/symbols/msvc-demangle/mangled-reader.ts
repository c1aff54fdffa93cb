/** Longest name that is made: back references can make a short mangled name grow beyond all bounds. */
export const MAX_READABLE = 16_384;
/** Names within names, types within types: those of real templates stay below 60. */
const MAX_DEPTH = 100;
/** Names and parameters that digits can refer to. */
const MAX_REFERENCES = 10;

/**
 * A type around the place where a declared name would stand: `int (__cdecl*` and `)(char)`.
 * Functions and arrays have a `group`: what stands before the name when a pointer to them is made.
 */
export interface DeclaredType {
  readonly left: string;
  readonly right: string;
  readonly group?: string;
}

/** What digits refer back to: one set for a name, a fresh one in the arguments of a template. */
export interface References {
  /** As they are read, by what tells them apart. */
  readonly names: Map<string, string>;
  readonly types: DeclaredType[];
}

/**
 * Position in a mangled name. A mistake ends the text: everything that is read afterwards is nothing, loops end,
 * and whoever began asks {@link failed}. So a hostile name costs no more than its length allows.
 */
export class MangledReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #failed = false;
  references: References = { names: new Map(), types: [] };

  constructor(text: string) {
    this.#text = text;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Whether all of the name has been read. */
  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Ends the reading: the name follows no known rule. */
  fail(): "" {
    this.#failed = true;
    this.#at = this.#text.length;
    return "";
  }

  /** The next character, or nothing at the end. */
  peek(): string {
    return this.#text.charAt(this.#at);
  }

  startsWith(prefix: string): boolean {
    return this.#text.startsWith(prefix, this.#at);
  }

  /** Takes the next character; fails at the end. */
  take(): string {
    if (this.atEnd) return this.fail();
    this.#at += 1;
    return this.#text.charAt(this.#at - 1);
  }

  /** Takes these characters if they come next. */
  accept(prefix: string): boolean {
    if (!this.startsWith(prefix)) return false;
    this.#at += prefix.length;
    return true;
  }

  /** Takes these characters; fails when others come. */
  expect(prefix: string): void {
    if (!this.accept(prefix)) this.fail();
  }

  /** Takes the text up to the next `@` and that too; fails for none. */
  upToAt(): string {
    const end = this.#text.indexOf("@", this.#at);
    if (end <= this.#at) return this.fail();
    const text = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** Takes all that is left. */
  rest(): void {
    this.#at = this.#text.length;
  }

  /** Whether a number and `?` come next: the mark of a name that is local to a function. */
  get atLocalScope(): boolean {
    return /^\?(?:\d|[B-P][A-P]{0,15}@|@)\?/.test(this.#text.slice(this.#at, this.#at + 20));
  }

  /** A number: a digit for 1 to 10, else hexadecimal digits from `A` on. */
  number(): bigint {
    const negative = this.accept("?");
    const first = this.take();
    let value = 0n;
    if (first >= "0" && first <= "9") value = BigInt(first) + 1n;
    else {
      for (let char = first, digits = 0; char !== "@"; char = this.take(), digits++) {
        if (char < "A" || char > "P" || digits >= 16) {
          this.fail();
          return 0n;
        }
        value = value * 16n + BigInt(char.charCodeAt(0) - 0x41);
      }
    }
    return negative ? -value : value;
  }

  /** Reads something that may hold its like; too deep fails. */
  nested<T>(read: () => T, fallback: T): T {
    if (this.#failed) return fallback;
    if (this.#depth >= MAX_DEPTH) {
      this.fail();
      return fallback;
    }
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  /** Reads with references of its own, as the arguments of a template do. */
  withFreshReferences<T>(read: () => T): T {
    const outer = this.references;
    this.references = { names: new Map(), types: [] };
    const value = read();
    this.references = outer;
    return value;
  }

  /**
   * Keeps a name for digits to refer to, once.
   * @param key what tells it apart where that is not the name itself
   */
  remember(name: string, key = name): string {
    const { names } = this.references;
    if (names.size < MAX_REFERENCES && !names.has(key)) names.set(key, name);
    return this.bounded(name);
  }

  /** The name that a digit refers to, when one comes next. */
  referredName(): string | undefined {
    const digit = this.peek();
    if (!(digit >= "0" && digit <= "9")) return undefined;
    this.take();
    return [...this.references.names.values()][Number(digit)] ?? this.fail();
  }

  /** Keeps a parameter's type for digits to refer to. */
  rememberType(type: DeclaredType): void {
    const { types } = this.references;
    if (types.length < MAX_REFERENCES) types.push(type);
  }

  /** Characters taken so far. */
  get position(): number {
    return this.#at;
  }

  /** The text, unless it is longer than any real name. */
  bounded(text: string): string {
    return text.length > MAX_READABLE ? this.fail() : text;
  }
}

/** A type as text. */
export function typeText({ left, right, group }: DeclaredType): string {
  return `${left}${group ?? ""}${right}`;
}
