// Keeps a page up to date without a reload: hears that something has changed, asks for the page's changing part and
// puts in only what differs, so that scroll position, focus and opened details stay. Also ties what a letter says to
// its places. No page needs it.
"use strict";

const POLL_MS = 4000; // while there is no stream
const SLOW_POLLS = 15; // what changes with the time alone, such as "Yesterday", comes within a minute
const LEAST_MS = 500; // between two requests for the page, however much changes
const page = document.getElementById("page");

// Children with an id are matched by it, so a new delivery is put in and the others are not touched: an element
// that is moved would lose the focus. What stands between two of them and is not wanted any more goes.
function mergeChildren(old, fresh) {
  const wanted = new Set([...fresh.children].map((one) => one.id).filter(Boolean));
  const kept = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = kept.get(child.id);
    if (known) {
      while (place && place !== known && !wanted.has(place.id)) place = removed(place);
      if (place === known) place = known.nextSibling;
      else old.insertBefore(known, place);
      merge(known, child);
    } else if (place && !place.id && !child.id && place.nodeName === child.nodeName) {
      const next = place.nextSibling;
      merge(place, child);
      place = next;
    } else {
      old.insertBefore(child, place);
    }
  }
  while (place) place = removed(place);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  mergeChildren(old, fresh);
}

async function refresh() {
  const headers = { "X-Fragment": "1", "If-None-Match": page.dataset.etag };
  const answer = await fetch(location.href, { headers, cache: "no-store" });
  if (answer.status === 401) {
    location.reload();
  } else if (answer.status === 200) {
    const fresh = document.createElement("template");
    fresh.innerHTML = await answer.text();
    const before = page.querySelectorAll("article, li.card").length;
    mergeChildren(page, fresh.content);
    page.dataset.etag = answer.headers.get("ETag");
    tell(page.querySelectorAll("article, li.card").length - before);
  }
}

// Said by screen readers; eyes see the page change.
function tell(added) {
  document.getElementById("news").textContent = added > 0 ? "Something new has come." : "The page has changed.";
}

let stream;
let position = ""; // where in the household's changes the page is
let isStale = false;
let isRefreshing = false;

// One request at a time: what changes meanwhile is asked for after it.
async function refreshSoon() {
  isStale = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isStale && !document.hidden) {
    isStale = false;
    await refresh().catch(() => (isStale = true)); // The server restarts or the network is gone.
    await new Promise((resolve) => setTimeout(resolve, isStale ? POLL_MS : LEAST_MS));
  }
  isRefreshing = false;
}

// The first message says where the changes are now; when it comes, the page may be older than that.
function listen() {
  stream = new EventSource("/live");
  stream.onmessage = (message) => {
    position = message.lastEventId;
    refreshSoon();
  };
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) poll(); // Refused; what is only cut, the browser takes up itself.
  };
}

// Without a stream, refused or kept back by a proxy, the page asks what has changed.
async function poll() {
  const answer = await fetch(`/live${position && `?since=${position}`}`, { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) location.reload();
  if (!answer?.ok) return;
  const { changes, next, reload } = await answer.json();
  if (!position || reload || changes.length) refreshSoon();
  position = String(next);
}

// A hidden page asks nothing, and asks at once when it is shown again.
function keepFresh() {
  let polls = 0;
  setInterval(() => {
    if (document.hidden) return;
    polls += 1;
    if (polls % SLOW_POLLS === 0) {
      if (stream?.readyState === EventSource.CLOSED) listen();
      refreshSoon();
    } else if (stream.readyState !== EventSource.OPEN) {
      poll();
    }
  }, POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream?.close();
    else listen();
  });
  if (!document.hidden) listen();
}

// Pointing at a finding, its words or its box on the image lights up the other two.
function light(target) {
  const chosen = new Set((target?.closest("[data-finding]")?.dataset.finding ?? "").split(" ").filter(Boolean));
  for (const one of document.querySelectorAll("[data-finding]")) {
    one.classList.toggle("lit", one.dataset.finding.split(" ").some((number) => chosen.has(number)));
  }
}

function fitFrame(frame) {
  const body = frame.contentDocument?.documentElement;
  if (body) frame.height = body.scrollHeight;
}

if (page?.dataset.etag) keepFresh();
if (document.querySelector("[data-finding]")) {
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => light(event.target));
}
for (const frame of document.querySelectorAll("iframe.body")) {
  frame.addEventListener("load", () => fitFrame(frame));
  addEventListener("resize", () => fitFrame(frame));
  fitFrame(frame);
}
