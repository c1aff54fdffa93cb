import { byId, fill, h } from "./dom.ts";
import { bucketList, bucketPage, crashesBy, crashList, failedNotice } from "./lists.ts";
import { crashPage } from "./report-view.ts";
import { setUpUploads } from "./uploads.ts";

/** The page: a hash route decides what `main` shows; live events redraw the lists. */
const TITLE = "Stopcode";
/** Events of a storm are drawn together, milliseconds. */
const REDRAW_MS = 250;

const main = byId("main");
let drawn = 0;

async function route(): Promise<void> {
  const turn = ++drawn;
  const [, place = "", id = ""] = location.hash.split("/");
  main.setAttribute("aria-busy", "true");
  let view: HTMLElement;
  try {
    view = await viewOf(place, decodeURIComponent(id));
  } catch (error) {
    view = h(
      "p",
      { class: "empty", role: "alert" },
      error instanceof Error ? error.message : "this could not be shown",
    );
  }
  // A later click was faster: its view stands.
  if (turn !== drawn) return;
  fill(main, view);
  main.removeAttribute("aria-busy");
  const section = place === "bucket" || place === "buckets" ? "buckets" : "crashes";
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.getAttribute("data-nav") === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${main.querySelector("h1")?.textContent ?? TITLE} · ${TITLE}`;
}

async function viewOf(place: string, id: string): Promise<HTMLElement> {
  if (place === "crash") return crashPage(id);
  if (place === "bucket") return bucketPage(id);
  if (place === "machine" || place === "module") return crashesBy(place, id);
  if (place === "buckets") return h("div", {}, h("h1", {}, "Buckets"), await bucketList());
  const [failed, list] = await Promise.all([failedNotice(redrawList), crashList()]);
  return h("div", {}, h("h1", {}, "Crashes"), failed, list);
}

/** Lists and crashes that wait follow the events; a report that someone reads stays as it is. */
function redrawList(): void {
  if (!location.hash.startsWith("#/crash/") || main.querySelector("[data-waiting]")) void route();
}

/** A browser opens few connections to one server: a page that nobody looks at gives its own back. */
function listen(): void {
  const live = byId("live");
  let events: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(redrawList, REDRAW_MS);
  };
  const connect = () => {
    events?.close();
    events = undefined;
    if (document.hidden) return;
    events = new EventSource("/api/events");
    for (const type of ["Crash Analyzed", "Crash Rejected", "Bucket Created"]) events.addEventListener(type, soon);
    events.addEventListener("open", () => {
      fill(live, "Live");
      live.className = "live on";
      // What happened while the connection was away.
      soon();
    });
    events.addEventListener("error", () => {
      fill(live, "Not connected");
      live.className = "live";
    });
  };
  document.addEventListener("visibilitychange", connect);
  connect();
}

addEventListener("hashchange", () => {
  void route().then(() => {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  });
});
setUpUploads(redrawList);
void route();
listen();
