import type { ApiCrash, ApiError, UploadAccepted } from "../shared/contracts/api.ts";
import { get } from "./api.ts";
import { byId, bytes, fill, h } from "./dom.ts";

/** Uploads at the same time; the others wait. */
const AT_ONCE = 3;
/** Milliseconds between looks at a crash that is still being analysed. */
const POLL_MS = 400;

const waiting: (() => Promise<void>)[] = [];
let active = 0;

/** Wires the drop zone, the file picker and drops anywhere on the page. `changed` runs when a dump is done. */
export function setUpUploads(changed: () => void): void {
  const zone = byId("drop");
  const picker = byId("files") as HTMLInputElement;
  byId("curl").textContent = `curl -T crash.dmp ${location.origin}/api/dumps/`;
  const take = (files: FileList | null | undefined) => {
    for (const file of files ?? []) addUpload(file, changed);
  };
  picker.addEventListener("change", () => {
    take(picker.files);
    // The same file may be chosen again.
    picker.value = "";
  });
  let depth = 0;
  const mark = () => zone.classList.toggle("over", depth > 0);
  document.addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    depth += 1;
    mark();
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    mark();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    take(event.dataTransfer?.files);
  });
}

function addUpload(file: File, changed: () => void): void {
  const state = h("span", { class: "state" }, "waiting");
  const progress = h("progress", {
    max: "1",
    value: "0",
    "aria-label": `Upload of ${file.name}`,
  }) as HTMLProgressElement;
  const name = h("span", { class: "name" }, file.name);
  const item = h("li", {}, name, h("span", { class: "quiet" }, bytes(file.size)), progress, state);
  byId("uploads").prepend(item);
  const finish = (text: string, kind: string) => {
    progress.remove();
    item.className = kind;
    fill(state, text);
  };
  waiting.push(async () => {
    try {
      fill(state, "uploading");
      const accepted = await send(file, (part) => {
        progress.value = part;
      });
      progress.removeAttribute("value");
      fill(state, "analysing");
      const crash = await settled(accepted);
      if (crash.state === "failed") return finish(`failed: ${crash.error ?? "unknown"}; the dump is kept`, "bad");
      fill(name, h("a", { href: `#/crash/${crash.crashId}` }, file.name));
      if (crash.record?.status === "rejected")
        finish(`not a dump that is read: ${crash.record.reason ?? "unknown"}`, "bad");
      else finish(crash.record?.bucketTitle ?? crash.record?.stopName ?? "done", "good");
      changed();
    } catch (error) {
      finish(error instanceof Error ? error.message : "the upload failed", "bad");
    }
  });
  pump();
}

function pump(): void {
  while (active < AT_ONCE) {
    const job = waiting.shift();
    if (!job) return;
    active += 1;
    void job().finally(() => {
      active -= 1;
      pump();
    });
  }
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
function send(file: File, onProgress: (part: number) => void): Promise<UploadAccepted> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/dumps?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(new Error("the connection broke off; nothing was kept")));
    request.addEventListener("load", () => {
      const body: unknown = request.response;
      if (request.status === 202) return resolve(body as UploadAccepted);
      reject(new Error((body as ApiError | null)?.error.message ?? `the server answered ${request.status}`));
    });
    request.send(file);
  });
}

async function settled({ statusUrl }: UploadAccepted): Promise<ApiCrash> {
  for (;;) {
    const crash = await get<ApiCrash>(statusUrl);
    if (crash.state !== "queued") return crash;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
