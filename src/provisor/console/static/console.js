// What pages do by themselves: dialogs, copying, ticking, times in the viewer's zone, dark or light, parts that renew
// themselves, sending a form on, and asking before unsaved edits are left behind.
"use strict";

const root = document.documentElement;
let dirty = false;
let leaving = false;
let wanted = "";

function times(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.getAttribute("datetime"));
    time.title = time.textContent;
    time.textContent = moment.toLocaleString();
    time.removeAttribute("datetime");
  }
}

async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
}

function turn() {
  const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  root.setAttribute("data-bs-theme", next);
  document.cookie = `provisor-theme=${next}; path=/; max-age=31536000; samesite=lax`;
}

// Where unsaved mappings are edited: their draft stays on the server until it is saved or discarded.
function staysWithDraft(draft, path) {
  const start = draft.dataset.unsaved;
  return path.startsWith(`${start}/mappings/`) || path.startsWith(`${start}/attributes/`);
}

function follows(event, link) {
  const draft = document.querySelector("[data-unsaved]");
  const elsewhere = link.target || link.origin !== location.origin || event.ctrlKey || event.metaKey || event.shiftKey;
  if (elsewhere || link.getAttribute("href").startsWith("#")) return;
  if (link.hasAttribute("data-leave")) {
    leaving = true;
  } else if (draft && !staysWithDraft(draft, link.pathname)) {
    event.preventDefault();
    wanted = link.href;
    document.getElementById("leave").showModal();
  } else if (!dirty) {
    leaving = true;
  }
}

// A dialog that stands once for all rows of a table is about the one whose button was pressed.
function opens(button, dialog) {
  if (button.dataset.about) {
    for (const part of dialog.querySelectorAll("[data-about]")) part.textContent = button.dataset.about;
    dialog.querySelector("input[data-value]").value = button.dataset.value;
    dialog.querySelector(".said").replaceChildren();
  }
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const link = event.target.closest("a[href]");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (link) follows(event, link);
  if (!button) return;
  if (button.dataset.open) opens(button, document.getElementById(button.dataset.open));
  if (button.hasAttribute("data-close")) button.closest("dialog").close();
  if (button.dataset.copy) {
    copy(document.getElementById(button.dataset.copy));
    button.textContent = "Copied";
  }
  if (button.hasAttribute("data-theme-switch")) turn();
  if (button.hasAttribute("data-go")) {
    leaving = true;
    location.href = wanted;
  }
  if (button.dataset.discard) {
    const form = document.getElementById(button.dataset.discard);
    const there = new URL(wanted);
    form.elements.then.value = there.pathname + there.search;
    form.requestSubmit();
  }
});

// One box ticks all the others of its name in its form.
document.addEventListener("change", (event) => {
  const name = event.target.dataset.tick;
  if (!name) return;
  for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("form.guarded");
  if (!form) return;
  dirty = true;
  // What was tested is not what stands there now.
  const tested = form.querySelector("#tested");
  if (tested) tested.replaceChildren();
});

// What is in a file that was chosen goes into a field, where it can be looked at.
document.addEventListener("change", async (event) => {
  const chooser = event.target;
  if (!chooser.dataset.into) return;
  chooser.setCustomValidity("");
  if (!chooser.files.length) return;
  const field = document.getElementById(chooser.dataset.into);
  try {
    field.value = new TextDecoder("utf-8", { fatal: true }).decode(await chooser.files[0].arrayBuffer());
  } catch {
    chooser.setCustomValidity("This file is not UTF-8: save it as CSV UTF-8.");
    chooser.reportValidity();
    return;
  }
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

// Ctrl K finds a page; up and down go through what was found, and Enter in the field takes the first of it.
function palette(event) {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("input").select();
    return;
  }
  if (!dialog.open) return;
  const links = [...dialog.querySelectorAll("#found a")];
  const at = links.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && links.length) {
    event.preventDefault();
    const next = at + step;
    (next < 0 ? dialog.querySelector("input") : links[Math.min(next, links.length - 1)]).focus();
  } else if (event.key === "Enter" && at < 0 && event.target.matches("input") && links.length) {
    event.preventDefault();
    links[0].click();
  }
}

document.addEventListener("keydown", (event) => {
  palette(event);
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

// Whoever says "some" in a choice sees where to name them, and whoever names them has said so.
document.addEventListener("change", (event) => {
  for (const named of document.querySelectorAll("details[data-some]")) {
    if (named.dataset.some === event.target.id) named.open = event.target.value === "some";
  }
  const chosen = event.target.closest("details[data-some]");
  if (chosen) document.getElementById(chosen.dataset.some).value = "some";
});

// Closing the dialog that showed a new token shows the list that it is in.
document.addEventListener("close", (event) => {
  if (event.target.querySelector("#once")) location.reload();
}, true);

document.addEventListener("htmx:beforeRequest", (event) => {
  // What the form before has done is no answer to this one.
  if (event.detail.requestConfig.verb !== "get") document.getElementById("notice")?.replaceChildren();
  if (event.detail.target.classList.contains("said")) event.detail.target.replaceChildren();
});

// What was sent and not answered was not done, as far as anybody knows.
document.addEventListener("htmx:sendError", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig.verb === "get" || !target.classList.contains("said")) return;
  const said = document.createElement("div");
  said.className = "alert alert-danger";
  said.textContent = "The server does not answer: nothing is known to be done. Try again, and load the page first.";
  target.replaceChildren(said);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.closest(".said, #tested");
  if (said) said.scrollIntoView({ block: "nearest" });
});

document.addEventListener("submit", (event) => {
  if (!event.target.hasAttribute("hx-post")) leaving = true;
});

document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) leaving = true;
});

document.addEventListener("htmx:load", (event) => times(event.detail.elt));

// Parts that renew themselves: only while somebody looks, not under the hands or eyes of whoever marks or fills something
// in there, and again after an answer that was none.
const renewed = new WeakMap();

function busy(part) {
  const marked = getSelection();
  return part.matches(":focus-within") || (!marked.isCollapsed && marked.containsNode(part, true));
}

function renew() {
  if (document.hidden) return;
  const now = performance.now();
  for (const part of document.querySelectorAll("[data-live]")) {
    if (!renewed.has(part)) renewed.set(part, now);
    if (now - renewed.get(part) < part.dataset.live * 1000 || busy(part)) continue;
    renewed.set(part, now);
    htmx.trigger(part, "live");
  }
}

setInterval(renew, 250);
document.addEventListener("visibilitychange", renew);
document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, target, xhr } = event.detail;
  if (requestConfig.triggeringEvent?.type === "live" && (xhr.status >= 400 || busy(target))) event.detail.shouldSwap = false;
});

window.addEventListener("beforeunload", (event) => {
  // A draft is on the server and waits; what is only typed would be lost.
  if (!leaving && dirty) event.preventDefault();
});

// The server counts by hours and days of the viewer's clock once it knows which that is.
document.cookie = `provisor-zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;

times(document);

// What an application is answered in a form needs nobody's click.
for (const form of document.querySelectorAll("form[data-carry]")) form.submit();
