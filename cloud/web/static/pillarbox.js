// Keeps a page up to date without a reload: asks for its changing part and puts in only what differs, so that
// scroll position, focus and opened details stay. Also ties what a letter says to its places. No page needs it.
"use strict";

const POLL_MS = 4000;
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

// A hidden page asks nothing, and asks at once when it is shown again.
async function keepFresh() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (document.hidden) {
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    await refresh().catch(() => {}); // The server restarts or the network is gone: the next round asks again.
  }
}

// Pointing at a finding, its words or its box on the picture lights up the other two.
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
