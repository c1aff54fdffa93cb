import type { ApiCrash } from "../shared/contracts/api.ts";
import type { CrashReport, ReportThread } from "../shared/report/crash-report.ts";
import { get, getText } from "./api.ts";
import { bytes, type Child, facts, fill, h, plural, table, time } from "./dom.ts";
import { statusBadge } from "./lists.ts";

/** Threads, modules and streams that are drawn before one asks for all: thousands of rows are slow. */
const FIRST_ROWS = 100;

/** One crash: its report, or why there is none. */
export async function crashPage(id: string): Promise<HTMLElement> {
  const crash = await get<ApiCrash>(`/api/crashes/${encodeURIComponent(id)}`);
  if (crash.state === "queued") return notice("This dump waits for its analysis.", crash.fileName);
  if (crash.state === "failed")
    return notice(`The analysis failed: ${crash.error ?? "unknown"}. The dump is kept.`, crash.fileName);
  const path = `/api/crashes/${encodeURIComponent(id)}/report`;
  const report = await get<CrashReport>(path).catch(() => undefined);
  if (crash.record?.status === "rejected" || !report) return rejected(crash, report);
  return h("article", { class: "report" }, heading(crash, report), tabs(path, report));
}

function notice(text: string, fileName?: string): HTMLElement {
  return h("div", { "data-waiting": "" }, h("h1", {}, fileName ?? "Crash"), h("p", { class: "empty" }, text));
}

function rejected(crash: ApiCrash, report: CrashReport | undefined): HTMLElement {
  const { record } = crash;
  return h(
    "article",
    { class: "report" },
    h("p", { class: "kicker" }, statusBadge(record?.status)),
    h("h1", {}, crash.fileName ?? "An object that is not a dump"),
    h(
      "p",
      { class: "empty" },
      "Not a dump that is read. Reason: ",
      h("code", {}, record?.reason ?? "report.gone"),
      ". The object is kept.",
    ),
    facts([
      ["Received", time(record?.receivedAt)],
      ["Machine", record?.machine],
      ["Size", record ? bytes(record.source.size) : undefined],
    ]),
    section("Notes", report && noteTable(report)),
  );
}

function heading({ record, fileName }: ApiCrash, report: CrashReport): HTMLElement {
  const stop = report.bugcheck ?? report.exception;
  const title = stop ? `${stop.name ?? report.crash_info.type ?? "Exception"} (${stop.code})` : report.crash_info.type;
  const { culprit } = report;
  const bucketLink =
    report.bucket && h("a", { href: `#/bucket/${encodeURIComponent(report.bucket.id)}` }, report.bucket.title);
  return h(
    "header",
    {},
    h("p", { class: "kicker" }, statusBadge(record?.status), ` ${report.dump.kind}`, fileName ? ` · ${fileName}` : ""),
    h("h1", {}, title ?? "No exception recorded"),
    h("p", { class: "lead" }, report.bugcheck ? report.bugcheck.description : report.exception?.text),
    culprit &&
      h(
        "div",
        { class: "culprit" },
        h(
          "p",
          {},
          "Culprit: ",
          h("strong", { class: "code" }, culprit.module ?? "unknown"),
          culprit.version ? ` ${culprit.version}` : "",
        ),
        h("p", { class: "quiet" }, `Confidence: ${culprit.confidence}`),
        culprit.reasons.length > 0 &&
          h(
            "ul",
            {},
            ...culprit.reasons.map(({ rule, seen }) => h("li", {}, seen, h("span", { class: "quiet" }, ` (${rule})`))),
          ),
      ),
    facts([
      ["Bucket", bucketLink],
      ["Received", time(record?.receivedAt)],
      ["Dump written", time(report.dump.created)],
      ["Machine", record?.machine],
      ["Instruction", instructionLine(report)],
    ]),
  );
}

/** The instruction that failed and where it stands. */
function instructionLine({ instruction }: CrashReport): Child | undefined {
  if (!instruction?.text) return undefined;
  return h(
    "span",
    { class: "code" },
    `${instruction.text.replace(/ +/g, " ")} at ${instruction.place ?? instruction.address}`,
  );
}

/** Two tabs by the pattern for keyboards: arrows move, the chosen one alone is in the tab order. */
function tabs(path: string, report: CrashReport): HTMLElement {
  const text = h("pre", { tabindex: "0" }, "Loading…");
  let asked = false;
  const parts = [
    { id: "summary", name: "Report", body: summary(report) },
    { id: "text", name: "!analyze -v", body: text },
  ];
  const show = (chosen: number, focus = false) => {
    for (const [index, tab] of buttons.entries()) {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      panels[index]?.toggleAttribute("hidden", index !== chosen);
    }
    if (focus) buttons[chosen]?.focus();
    if (chosen === 1 && !asked) {
      asked = true;
      getText(`${path}?format=text`).then(
        (got) => fill(text, got),
        (error: unknown) => fill(text, error instanceof Error ? error.message : "the text could not be had"),
      );
    }
  };
  const buttons = parts.map(({ id, name }, index) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${id}`,
        "aria-controls": `panel-${id}`,
        onclick: () => show(index),
        onkeydown: (event) => {
          const { key } = event as KeyboardEvent;
          if (key === "ArrowRight" || key === "ArrowLeft") show((index + 1) % parts.length, true);
        },
      },
      name,
    ),
  );
  const panels = parts.map(({ id, body }) =>
    h("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}` }, body),
  );
  show(0);
  const downloads = [
    h("a", { href: `${path}?download`, download: "" }, "JSON"),
    h("a", { href: `${path}?format=text&download`, download: "" }, "Text"),
  ];
  return h(
    "div",
    {},
    h(
      "div",
      { class: "tabs" },
      h("div", { role: "tablist", "aria-label": "Views" }, ...buttons),
      h("p", { class: "downloads" }, "Download ", downloads[0], " ", downloads[1]),
    ),
    ...panels,
  );
}

function summary(report: CrashReport): HTMLElement {
  const { bugcheck, exception, system_info: system, process, kernel, dump, crashing_thread: crashing } = report;
  return h(
    "div",
    {},
    section(
      "Arguments",
      bugcheck &&
        table(
          "Arguments",
          ["", "Value", "Meaning"],
          bugcheck.args.map(({ value, meaning }, index) => [`Arg${index + 1}`, code(value), meaning]),
        ),
    ),
    section(
      "Exception",
      exception &&
        facts([
          ["Code", `${exception.code}${exception.name ? ` ${exception.name}` : ""}`],
          ["Address", code(exception.address)],
          ["Access", [exception.access, exception.address_class].filter(Boolean).join(", ")],
          ["Parameters", exception.parameters.length > 0 && code(exception.parameters.join(" "))],
          ["Crash type", report.crash_info.type],
          ["Crash address", report.crash_info.address && code(report.crash_info.address)],
        ]),
    ),
    section(
      "System",
      facts([
        ["OS", [system.os, system.os_ver].filter(Boolean).join(" ")],
        ["CPU", [system.cpu_arch, system.cpu_info].filter(Boolean).join(", ")],
        ["Processors", system.cpu_count === null ? undefined : String(system.cpu_count)],
        ["Build", kernel?.build_lab],
        ["Uptime", dump.uptime_seconds === null ? undefined : `${Math.round(dump.uptime_seconds)} s`],
        ["Dump", `${dump.format}, ${bytes(dump.size)}${dump.truncated ? ", truncated" : ""}`],
      ]),
    ),
    section(
      "Process",
      facts([
        ["Name", process.name],
        ["Process id", process.pid === null ? undefined : String(process.pid)],
        ["Thread id", report.thread?.id === null || report.thread === null ? undefined : String(report.thread.id)],
        ["IRQL", report.thread?.irql === null || report.thread === null ? undefined : String(report.thread.irql)],
      ]),
    ),
    section("Crashing thread", crashing && frameTable(crashing)),
    section(`Threads (${report.thread_count})`, report.threads.length > 0 && threadTable(report.threads)),
    section(`Modules (${report.modules.length})`, moduleTable(report)),
    section(
      `Unloaded modules (${report.unloaded_modules.length})`,
      report.unloaded_modules.length > 0 &&
        long(
          "Unloaded modules",
          ["Base", "End", "Name"],
          report.unloaded_modules.map((module) => [code(module.base_addr), code(module.end_addr), module.filename]),
        ),
    ),
    section("Notes", noteTable(report)),
    h(
      "p",
      { class: "quiet" },
      `Read ${bytes(report.io.bytes_read)} of ${bytes(report.io.source_size)} in ${plural(report.io.requests, "request")}. ${report.schema}, analyzer ${report.analyzer_version}, grouping ${report.grouping}.`,
    ),
  );
}

const code = (text: string) => h("span", { class: "code" }, text);

function section(title: string, body: Child): HTMLElement | undefined {
  return body instanceof Node ? h("section", {}, h("h2", {}, title), body) : undefined;
}

function frameTable(thread: ReportThread): HTMLElement {
  return table(
    "Crashing thread",
    ["#", "Place", "Address", "Found by"],
    thread.frames.map((frame) => [String(frame.frame), code(placeOf(frame)), code(frame.offset), frame.trust]),
  );
}

function placeOf(frame: ReportThread["frames"][number] | undefined): string {
  if (!frame) return "";
  if (frame.function) return `${frame.module ?? "?"}!${frame.function}`;
  return frame.module ? `${frame.module}+${frame.module_offset ?? "?"}` : frame.offset;
}

function threadTable(threads: readonly ReportThread[]): HTMLElement {
  return long(
    "Threads",
    ["Thread", "Name", "Frame 0"],
    threads.map((thread) => [String(thread.thread_id), thread.thread_name, code(placeOf(thread.frames[0]))]),
  );
}

function moduleTable({ modules }: CrashReport): HTMLElement | undefined {
  if (modules.length === 0) return undefined;
  return long(
    "Modules",
    ["Base", "Name", "Version", "Debug id"],
    modules.map((module) => [
      code(module.base_addr),
      module.filename,
      module.version,
      module.debug_id && code(module.debug_id),
    ]),
  );
}

function noteTable({ notes }: CrashReport): HTMLElement | undefined {
  if (notes.length === 0) return undefined;
  return table(
    "Notes",
    ["Code", "Where", "Detail"],
    notes.map((note) => [code(note.code), note.where, note.detail]),
  );
}

/** A table that begins with its first rows and draws the rest when asked. */
function long(caption: string, heads: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  if (rows.length <= FIRST_ROWS) return table(caption, heads, rows);
  const box = h("div", {}, table(caption, heads, rows.slice(0, FIRST_ROWS)));
  box.append(
    h("button", { type: "button", onclick: () => fill(box, table(caption, heads, rows)) }, `Show all ${rows.length}`),
  );
  return box;
}
