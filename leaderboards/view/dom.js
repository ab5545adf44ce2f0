"use strict";

// Every text of the data reaches the page as a text node or an attribute value; nothing is ever parsed as HTML.
const SVG = "http://www.w3.org/2000/svg";
const MISSING = "-", SETTLED_MS = 300;
const NARROW = matchMedia("(max-width: 600px)").matches;

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map((child) => child instanceof Node ? child : String(child)));
  return node;
}

function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// A name that may break after its slashes, dashes and the like, so that numbers beside it stay in sight.
function broken(text) {
  return text.split(/(?<=[/@_-])/).flatMap((part, k) => k ? [el("wbr"), part] : [part]);
}

function table(caption, columns, rows, attributes = {}) {
  const head = el("tr", {}, ...columns.map((column) => el("th", { scope: "col" }, column)));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, i) => el(i ? "td" : "th", i ? {} : { scope: "row" }, cell ?? MISSING))));
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    el("table", attributes, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body)));
}

function section(title, ...children) {
  const id = "s-" + title.toLowerCase().replace(/[^a-z]+/g, "-");
  return el("section", { "aria-labelledby": id }, el("h2", { id }, title), ...children);
}

function points(value) {
  return value === null || value === undefined ? MISSING : value.toFixed(2);
}

function signed(value) {
  return value === null || value === undefined ? MISSING : (value > 0 ? "+" : "") + value.toFixed(2);
}

// Of n samples; open where too few videos differ to bound it.
function interval(bounds, n) {
  if (bounds && bounds[0] !== null && bounds[1] !== null) return points(bounds[0]) + " to " + points(bounds[1]);
  return bounds && n ? "too few videos" : MISSING;
}

function chance(value) {
  return value === null ? MISSING : value < 0.001 ? "<0.001" : value.toFixed(3);
}

function seconds(value) {
  return value === null ? "?" : String(Math.round(value * 100) / 100);
}

function spansOf(flat) {
  const found = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i], flat[i + 1]]);
  return found;
}

function spanText(flat) {
  return spansOf(flat).map(([start, end]) => seconds(start) + "\u2013" + seconds(end) + " s").join(", ");
}

// The address of the page holds what is chosen, so that a link shows the same.
function fromAddress() {
  const text = location.hash.slice(1);
  try {
    return text.includes("=") ? Object.fromEntries(new URLSearchParams(text)) : { sample: decodeURIComponent(text) };
  } catch {
    return {};
  }
}

let later = null, chosen = null;
function toAddress(changed) {
  chosen = { ...(chosen ?? fromAddress()), ...changed };
  const kept = Object.entries(chosen).filter(([, value]) => value);
  // Browsers refuse to change the address often.
  clearTimeout(later);
  // In the cell of a notebook the page has no address of its own.
  if (location.protocol === "about:") return;
  later = setTimeout(() => history.replaceState(null, "", "#" + new URLSearchParams(kept)), SETTLED_MS);
}

async function unpack() {
  const text = atob(document.getElementById("data").textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Shows what `draw` makes of the data; a page that cannot be drawn says why.
async function show(draw) {
  const page = document.getElementById("page");
  try {
    const data = await unpack();
    document.title = data.title;
    page.append(el("header", {}, el("h1", {}, data.title), data.heading ? el("p", {}, data.heading) : null,
      ...(data.verdicts ?? []).map((said) => el("p", { class: "verdict" }, said)), ...(data.warnings ?? []).map((warning) => el("p", { class: "warning", role: "note" }, warning))));
    draw(data, page);
    page.append(el("footer", {}, "harness " + data.harness));
  } catch (error) {
    page.append(el("p", { class: "warning", role: "alert" }, "This page cannot be shown: " + error.message));
  } finally {
    page.setAttribute("aria-busy", "false");
  }
}
