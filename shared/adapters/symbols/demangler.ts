import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { demangleMsvc } from "../../symbols/msvc-demangle/demangle-msvc.ts";

/** Longest name that is given to the machine: deep nesting overflows its stack. */
const MAX_NAME_BYTES = 8192;
/** Mangled names of C++ (also with the underscores of macOS), Rust and Visual C++. `_RtlUnwind` is none of them. */
const MANGLED = /^(?:_{1,4}Z|_R[BCIMNXY][a-zA-Z0-9]|\?)/;

/** What the WebAssembly of gecko-profiler-demangle exports. */
interface Machine {
  readonly memory: WebAssembly.Memory;
  demangle_any(pointer: number, length: number): [number, number];
  __wbindgen_malloc(size: number, align: number): number;
  __wbindgen_free(pointer: number, size: number, align: number): void;
  __wbindgen_start(): void;
  readonly __wbindgen_export_0: WebAssembly.Table;
}

/**
 * Demangles names of C++ and Rust compilers: those of Visual C++ by our own rules, as Microsoft's debuggers print them,
 * the others in a WebAssembly machine, which is made anew when a name breaks it.
 */
export class GeckoDemangler {
  readonly #module: WebAssembly.Module;
  #machine: Machine | undefined;

  /** @param wasm the file `index_bg.wasm` of gecko-profiler-demangle; found in node_modules without it */
  constructor(wasm?: Uint8Array<ArrayBuffer>) {
    this.#module = new WebAssembly.Module(wasm ?? packagedWasm());
  }

  /** The readable form of a name; undefined when it is not mangled or cannot be read. */
  demangle(name: string): string | undefined {
    return name.startsWith("?") ? demangleMsvc(name) : this.byLibrary(name);
  }

  /** As the library reads it: names of Visual C++ too, in the form that Mozilla's dump_syms writes into its files. */
  byLibrary(name: string): string | undefined {
    if (!MANGLED.test(name) || name.length > MAX_NAME_BYTES) return undefined;
    try {
      this.#machine ??= this.#start();
      const readable = call(this.#machine, name);
      return readable === name || `_${readable}` === name ? undefined : readable;
    } catch {
      // A trap leaves the machine in no known state.
      this.#machine = undefined;
      return undefined;
    }
  }

  #start(): Machine {
    let machine: Machine | undefined;
    const { exports } = new WebAssembly.Instance(this.#module, {
      "./index_bg.js": {
        __wbindgen_init_externref_table: () => {
          machine?.__wbindgen_export_0.grow(4);
        },
      },
    });
    machine = exports as unknown as Machine;
    machine.__wbindgen_start();
    return machine;
  }
}

function call(machine: Machine, name: string): string {
  const bytes = new TextEncoder().encode(name);
  const pointer = machine.__wbindgen_malloc(bytes.length, 1) >>> 0;
  new Uint8Array(machine.memory.buffer).set(bytes, pointer);
  // The callee frees what it is given.
  const [at, length] = machine.demangle_any(pointer, bytes.length);
  const text = new TextDecoder().decode(new Uint8Array(machine.memory.buffer, at >>> 0, length));
  machine.__wbindgen_free(at, length, 1);
  return text;
}

function packagedWasm(): Uint8Array<ArrayBuffer> {
  const path = createRequire(import.meta.url).resolve("gecko-profiler-demangle/index_bg.wasm");
  return new Uint8Array(readFileSync(path));
}
