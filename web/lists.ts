import type { ApiBucket, ApiBucketDetail, ApiCrash, ApiFailed, ApiPage } from "../shared/contracts/api.ts";
import { get } from "./api.ts";
import { type Child, facts, h, plural, table, time } from "./dom.ts";

/** The newest crashes, or those of one bucket. */
export async function crashList(query = ""): Promise<HTMLElement> {
  return paged<ApiCrash>(`/api/crashes?limit=50${query}`, crashTable, () =>
    h("p", { class: "empty" }, "No crashes yet. Drop a dump onto this page and it appears here within a second."),
  );
}

/** A word about dumps whose analysis failed, with a button that tries them again; undefined when there are none. */
export async function failedNotice(redraw: () => void): Promise<HTMLElement | undefined> {
  const { items } = await get<ApiFailed>("/api/failed");
  if (items.length === 0) return undefined;
  const codes = [...new Set(items.map(({ error }) => error))].join(", ");
  const retry = () => void fetch("/api/failed/retry", { method: "POST" }).then(redraw);
  return h(
    "p",
    { class: "failed", role: "status" },
    `The analysis of ${plural(items.length, "dump")} failed (${codes}). Nothing is lost. `,
    h("button", { type: "button", onclick: retry }, "Try again"),
  );
}

/** The buckets by their last crash. */
export async function bucketList(): Promise<HTMLElement> {
  return paged<ApiBucket>("/api/buckets?limit=50", bucketTable, () =>
    h("p", { class: "empty" }, "No buckets yet. Crashes with the same cause share one; the first crash makes it."),
  );
}

/** One bucket and its crashes. */
export async function bucketPage(id: string): Promise<HTMLElement> {
  const bucket = await get<ApiBucketDetail>(`/api/buckets/${encodeURIComponent(id)}`);
  return h(
    "div",
    {},
    h("p", { class: "kicker" }, "Bucket"),
    h("h1", {}, bucket.title || bucket.bucketId),
    facts([
      ["Crashes", String(bucket.count)],
      ["First seen", time(bucket.firstSeen)],
      ["Last seen", time(bucket.lastSeen)],
      ["Culprit", bucket.culpritModule],
      ["Stop code", bucket.stopCode],
      ["Grouping", bucket.grouping],
    ]),
    hourBars(bucket.hours),
    h("h2", {}, "Crashes"),
    // A bucket's list is cut by month; the newest month that has any is shown.
    await crashList(`&bucket=${encodeURIComponent(id)}&month=${bucket.lastSeen.slice(0, 7)}`),
  );
}

/** Crashes a day over the last 30 days, as bars with a text for those who do not see them. */
function hourBars(hours: Readonly<Record<string, number>>): HTMLElement {
  const days = Array.from({ length: 30 }, (_, back) => {
    const day = new Date(Date.now() - (29 - back) * 86_400_000).toISOString().slice(0, 10);
    const count = Object.entries(hours).reduce((sum, [hour, n]) => (hour.startsWith(day) ? sum + n : sum), 0);
    return { day, count };
  });
  const most = Math.max(1, ...days.map(({ count }) => count));
  const total = days.reduce((sum, { count }) => sum + count, 0);
  const svg = (tag: string, attributes: Record<string, string>, ...children: Node[]) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const bars = days.map(({ day, count }, index) => {
    const height = count === 0 ? 1 : Math.max(3, (count / most) * 40);
    const title = svg("title", {}, document.createTextNode(`${day}: ${count}`));
    const place = { x: String(index * 10), y: String(40 - height), width: "8", height: String(height) };
    return svg("rect", { ...place, class: count === 0 ? "none" : "some" }, title);
  });
  const label = `${plural(total, "crash", "crashes")} in the last 30 days, at most ${most} a day`;
  const picture = svg(
    "svg",
    { viewBox: "0 0 300 40", preserveAspectRatio: "none", class: "bars", role: "img", "aria-label": label },
    ...bars,
  );
  return h("figure", {}, picture, h("figcaption", { class: "quiet" }, label));
}

function crashTable(crashes: readonly ApiCrash[]): HTMLElement {
  return table(
    "Crashes",
    ["Time", "What stopped", "Culprit", "Machine", "File", "Status"],
    crashes.map(({ crashId, record, fileName }): Child[] => [
      time(record?.receivedAt),
      h(
        "a",
        { href: `#/crash/${crashId}`, class: "strong" },
        record?.status === "rejected" ? "Not analysed" : stopOf(record),
      ),
      record?.culpritModule && listLink("module", record.culpritModule, "code"),
      record?.machine && listLink("machine", record.machine),
      h("span", { class: "file" }, fileName),
      h(
        "span",
        {},
        statusBadge(record?.status),
        record?.reason ? h("span", { class: "quiet" }, ` ${record.reason}`) : "",
      ),
    ]),
  );
}

/** A link to all crashes of a machine or a culprit. */
function listLink(by: "machine" | "module", name: string, className?: string): HTMLElement {
  return h("a", { href: `#/${by}/${encodeURIComponent(name)}`, class: `list ${className ?? ""}` }, name);
}

/** This month's crashes of a machine or a culprit. */
export async function crashesBy(by: "machine" | "module", name: string): Promise<HTMLElement> {
  const kicker = by === "machine" ? "Crashes of the machine, this month" : "Crashes with the culprit, this month";
  const list = await crashList(`&${by}=${encodeURIComponent(name)}`);
  return h("div", {}, h("p", { class: "kicker" }, kicker), h("h1", {}, name), list);
}

/** A status by word, and by colour beside it. */
export function statusBadge(status: string | undefined): HTMLElement {
  return h("span", { class: `badge ${status ?? ""}` }, status ?? "unknown");
}

function stopOf(record: ApiCrash["record"]): string {
  const name = record?.stopName ?? record?.bucketTitle;
  if (record?.stopCode && name) return `${name} ${record.stopCode}`;
  return name ?? record?.stopCode ?? record?.dumpKind ?? "No exception recorded";
}

function bucketTable(buckets: readonly ApiBucket[]): HTMLElement {
  return table(
    "Buckets",
    ["Crashes", "Title", "Culprit", "First seen", "Last seen"],
    buckets.map((bucket): Child[] => [
      h("span", { class: "count" }, String(bucket.count)),
      h(
        "a",
        { href: `#/bucket/${encodeURIComponent(bucket.bucketId)}`, class: "strong" },
        bucket.title || bucket.bucketId,
      ),
      bucket.culpritModule && listLink("module", bucket.culpritModule, "code"),
      time(bucket.firstSeen),
      time(bucket.lastSeen),
    ]),
  );
}

/** A listing with a button for what follows. */
async function paged<T>(
  path: string,
  render: (items: readonly T[]) => HTMLElement,
  empty: () => HTMLElement,
): Promise<HTMLElement> {
  const first = await get<ApiPage<T>>(path);
  if (first.items.length === 0) return empty();
  const items = [...first.items];
  const box = h("div", {});
  const show = (cursor: string | undefined) => {
    const more = h("button", { type: "button", onclick: () => void next(cursor ?? "") }, "Show more");
    box.replaceChildren(render(items), ...(cursor === undefined ? [] : [more]));
  };
  const next = async (cursor: string) => {
    const page = await get<ApiPage<T>>(`${path}&cursor=${encodeURIComponent(cursor)}`);
    items.push(...page.items);
    show(page.cursor);
  };
  show(first.cursor);
  return box;
}
