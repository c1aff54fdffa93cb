import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { eventually, startServe } from "./serve-process.ts";

/**
 * The first page in a real browser against a real `stopcode serve`.
 * `npm run test:browser`; with `-- --screenshot` it also renews docs/screenshots/first-page.png.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = join(ROOT, "examples");
const SCREENSHOT = join(ROOT, "docs/screenshots/first-page.png");

/** A module name that would make an element if it were ever read as HTML; as long as the one it replaces. */
const HOSTILE = "<b id=xss>z.dll";

const example = (name: string) => readFileSync(join(EXAMPLES, name));

function hostileDump(): Buffer {
  const dump = example("user-windows-x64-inkwell.dmp").toString("latin1");
  const wide = (text: string) => Buffer.from(text, "utf16le").toString("latin1");
  const changed = dump.replaceAll(wide("quillrender.dll"), wide(HOSTILE));
  assert.notEqual(changed, dump, "the example has no module quillrender.dll any more");
  return Buffer.from(changed, "latin1");
}

/** Drops a file onto the page as the system's file manager does. */
async function dropFile(page: Page, name: string, content: Buffer): Promise<void> {
  await page.evaluate(
    ({ name, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name));
      const zone = document.getElementById("drop");
      for (const type of ["dragenter", "dragover", "drop"]) {
        zone?.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
      }
    },
    { name, base64: content.toString("base64") },
  );
}

const dataDir = mkdtempSync(join(tmpdir(), "stopcode-browser-"));
const browser = await launchChromium();
let server = await startServe(dataDir, ["--seed"]);
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const complaints: string[] = [];
page.on("console", (message) => {
  if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));

let passed = 0;
let failed = 0;
async function check(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    assert.deepEqual(complaints, [], "the browser's console");
    passed += 1;
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    complaints.length = 0;
    console.log(`FAILED  ${what}\n        ${error instanceof Error ? error.message : String(error)}`);
  }
}

const uploaded = (name: string) => page.locator("#uploads li", { hasText: name });
/** Opens the list of crashes and waits until it is drawn. */
async function showCrashes(): Promise<void> {
  await page.goto(`${server.url}/#/`);
  await page.getByRole("heading", { level: 1, name: "Crashes" }).waitFor();
  await rows().first().waitFor();
}
const rows = () => page.locator("main tbody tr");
const seeds = readdirSync(EXAMPLES).filter((name) => name.endsWith(".dmp"));

await check("the page shows the example dumps, with culprits", async () => {
  await page.goto(server.url);
  await page.getByText("user-windows-x64-inkwell.dmp").waitFor();
  await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, seeds.length);
  await page.getByRole("cell", { name: "quillrender.dll" }).waitFor();
  await page.locator("#live.on").waitFor();
});

await check("buckets are listed with counts; one bucket shows its crashes", async () => {
  await page.getByRole("link", { name: "Buckets" }).click();
  await page.getByRole("heading", { level: 1, name: "Buckets" }).waitFor();
  const counts = await page.locator("main .count").allTextContents();
  const total = counts.reduce((sum, count) => sum + Number(count), 0);
  assert.equal(total, seeds.length);
  assert.ok(counts.includes("2"), `two examples share a bucket: ${counts}`);
  await page
    .locator("main tbody tr", { has: page.getByText("2", { exact: true }) })
    .locator("a.strong")
    .click();
  await page.getByRole("heading", { name: "Crashes" }).waitFor();
  assert.equal(await rows().count(), 2);
});

await check("a file that is chosen is analysed and its report opens", async () => {
  await page.goto(`${server.url}/#/`);
  const name = "chosen.dmp";
  await page.setInputFiles("#files", { name, mimeType: "", buffer: example("user-windows-arm64-ferrycontrol.dmp") });
  await uploaded(name).getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "STATUS_STACK_BUFFER_OVERRUN (0xc0000409)" }).waitFor();
  await page.locator(".culprit", { hasText: "ferrycontrol.exe" }).waitFor();
  for (const title of ["Exception", "System", "Process", "Crashing thread", "Threads", "Modules"]) {
    await page.getByRole("heading", { level: 2, name: title }).first().waitFor();
  }
});

await check("the text tab is reached by arrow key and reads like !analyze -v", async () => {
  await page.getByRole("tab", { name: "Report" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: "!analyze -v", selected: true }).waitFor();
  await page.locator("pre", { hasText: "ferrycontrol" }).waitFor();
  assert.equal(await page.locator("#panel-summary").isVisible(), false);
});

await check("a kernel dump shows its stop code and the meaning of its arguments", async () => {
  await page.goto(`${server.url}/#/`);
  await page.locator("tr", { hasText: "kernel-x64-d1-nightjar-desk.dmp" }).locator("a.strong").click();
  await page.getByRole("heading", { level: 1, name: /DRIVER_IRQL_NOT_LESS_OR_EQUAL/ }).waitFor();
  assert.equal(await page.getByRole("region", { name: "Arguments" }).locator("tbody tr").count(), 4);
});

await check("files that are dropped are analysed, several at once; the list follows by itself", async () => {
  await showCrashes();
  const before = await rows().count();
  await dropFile(page, "dropped.dmp", example("user-linux-x64-cartograph.dmp"));
  await dropFile(page, "second.dmp", example("kernel-x64-3b-lumenfs.dmp"));
  await uploaded("dropped.dmp").getByRole("link").waitFor();
  await uploaded("second.dmp").getByRole("link").waitFor();
  await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, before + 2);
});

await check("a file that is no dump shows its reason", async () => {
  await dropFile(page, "holiday.jpg", Buffer.from("not a dump at all".repeat(50)));
  await uploaded("holiday.jpg").getByText("not a dump that is read").waitFor();
  await uploaded("holiday.jpg").getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "holiday.jpg" }).waitFor();
  assert.notEqual(await page.locator("main .empty code").textContent(), "");
});

await check("an empty file gets a clear sentence", async () => {
  await page.setInputFiles("#files", { name: "empty.dmp", mimeType: "", buffer: Buffer.alloc(0) });
  await uploaded("empty.dmp").getByText("the body is empty").waitFor();
  // The browser itself notes the 400 on its console.
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes("400 (Bad Request)")));
});

await check("hostile names of modules and files stay text", async () => {
  await page.goto(`${server.url}/#/`);
  await dropFile(page, "<img src=x id=xss>.dmp", hostileDump());
  await uploaded("<img src=x").getByRole("link").click();
  await page.locator(".culprit", { hasText: HOSTILE }).waitFor();
  for (const hash of ["#/", "#/buckets"]) {
    await page.goto(`${server.url}/${hash}`);
    await page.locator("main").getByText(HOSTILE, { exact: false }).first().waitFor();
    assert.equal(await page.locator("#xss").count(), 0);
  }
});

await check("a culprit and a machine lead to their crashes", async () => {
  await showCrashes();
  await page.getByRole("link", { name: "nightjarnet.sys" }).first().click();
  await page.getByRole("heading", { level: 1, name: "nightjarnet.sys" }).waitFor();
  assert.equal(await rows().count(), 2);
  await page.getByRole("link", { name: "example", exact: true }).first().click();
  await page.getByRole("heading", { level: 1, name: "example" }).waitFor();
  assert.equal(await rows().count(), seeds.length);
});

await check("an analysis that failed is shown and can be tried again", async () => {
  const db = new DatabaseSync(join(dataDir, "stopcode.db"));
  const sql = "INSERT INTO messages (body, state, sent_at, visible_at, last_error) VALUES ('?', 'dead', 0, 0, ?)";
  db.prepare(sql).run("service.denied");
  db.close();
  await showCrashes();
  await page.reload();
  await page.locator(".failed", { hasText: "1 dump failed (service.denied)" }).getByRole("button").click();
  // The message is no S3 event, so it comes back with that as its reason.
  await eventually("the second failure", async () => {
    await page.reload();
    return (await page.locator(".failed", { hasText: "message.not-json" }).count()) > 0 || undefined;
  });
});

await check("another site's page cannot upload or read", async () => {
  const stranger = await browser.newPage();
  await stranger.route("http://stranger.example/", (route) =>
    route.fulfill({ body: "<p>hi</p>", contentType: "text/html" }),
  );
  await stranger.goto("http://stranger.example/");
  const answers = await stranger.evaluate(async (url) => {
    const ask = (init: RequestInit) =>
      fetch(`${url}/api/dumps`, init).then(
        (r) => r.status,
        () => "blocked",
      );
    return [
      await ask({}),
      await ask({ method: "POST", body: "x" }),
      await ask({ method: "POST", body: "x", mode: "no-cors" }),
    ];
  }, server.url);
  assert.deepEqual(answers.slice(0, 2), ["blocked", "blocked"]);
  await stranger.close();
  const { items } = (await (await fetch(`${server.url}/api/crashes`)).json()) as {
    items: { record: { source: { size: number } } }[];
  };
  assert.equal(items.filter(({ record }) => record.source.size === 1).length, 0);
});

await check("a narrow page does not scroll sideways", async () => {
  await page.setViewportSize({ width: 375, height: 800 });
  for (const hash of ["#/", "#/buckets"]) {
    await page.goto(`${server.url}/${hash}`);
    await rows().first().waitFor();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(overflow <= 0, `${hash} is ${overflow} px too wide`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
});

await check("a reload and a restart keep everything; the examples are not added twice", async () => {
  await showCrashes();
  const before = await rows().count();
  await page.reload();
  await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, before);
  await page.goto("about:blank");
  assert.equal(await server.end("SIGTERM"), 0, server.stderr());
  server = await startServe(dataDir, ["--seed"]);
  await page.goto(server.url);
  await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, before);
});

if (process.argv.includes("--screenshot")) {
  await check("screenshot", async () => {
    const fresh = mkdtempSync(join(tmpdir(), "stopcode-shot-"));
    const shown = await startServe(fresh, ["--seed"]);
    await page.goto(shown.url);
    await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length === count, seeds.length);
    await page.screenshot({ path: SCREENSHOT });
    await page.goto("about:blank");
    await shown.end("SIGTERM");
    rmSync(fresh, { recursive: true, force: true });
  });
}

await browser.close();
await server.end("SIGTERM");
rmSync(dataDir, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
