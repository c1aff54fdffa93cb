import { readFileSync, writeFileSync } from "node:fs";

const L = JSON.parse(readFileSync("package-lock.json", "utf8"));
let n = 0;
const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
  "wasm32",
];
for (const [at, p] of Object.entries({ ...L.packages }))
  for (const [name, range] of Object.entries(p.optionalDependencies ?? {})) {
    if (L.packages[`node_modules/${name}`] || L.packages[`${at}/node_modules/${name}`]) continue;
    const parts = name.split("/").pop().split("-");
    const os = parts.find((x) => OS.includes(x));
    if (!os) {
      console.log("skip", name);
      continue;
    }
    const cpu = parts[parts.indexOf(os) + 1];
    const tail = parts.slice(parts.indexOf(os) + 2).join("-");
    if (
      cpu === "riscv64" ||
      cpu === "s390x" ||
      cpu === "ppc64" ||
      cpu === "loong64" ||
      cpu === "arm64" ||
      cpu === "x64" ||
      cpu === "ia32" ||
      cpu === "arm"
    );
    else console.log("cpu?", name, cpu);
    L.packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~]/, ""),
      cpu: [cpu],
      ...(p.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
      ...(os === "linux" && /musl|gnu/.test(tail) ? { libc: [/musl/.test(tail) ? "musl" : "glibc"] } : {}),
    };
    n++;
  }
const [root, ...rest] = Object.entries(L.packages);
rest.sort(([a], [b]) => a.localeCompare(b, "en"));
L.packages = Object.fromEntries([root, ...rest]);
writeFileSync("package-lock.json", `${JSON.stringify(L, null, 2)}\n`);
console.log("filled", n);
