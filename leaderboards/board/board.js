"use strict";

// Adds to each table of a board: sorting by its heads, a search, a choice of rows and of columns. Nothing is parsed as HTML.
const KINDS = [["", "every row"], ["run", "runs"], ["paper", "papers"], ["blind", "rules without a model, and ceilings"]];

function make(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

// A number where a cell has one or looks like one, else its text; what is unknown comes last in either direction.
function valueOf(row, column) {
  const cell = row.cells[column], text = cell.textContent.trim();
  if (text === "-") return null;
  const number = Number.parseFloat(cell.dataset.value ?? text);
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compared(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -sign : a > b ? sign : 0;
}

function enhance(section, number) {
  const table = section.querySelector("table"), heads = [...table.tHead.rows[0].cells];
  const groups = [...table.tBodies].map((body) => ({ body, rows: [...body.rows].filter((row) => !row.matches(".group")) }));
  const rows = groups.flatMap((group) => group.rows), text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const explain = make("p", { class: "hint explain" }), status = make("p", { role: "status" });
  const names = heads.map((head) => head.textContent), meanings = heads.map((head) => head.title);

  function sort(column) {
    const down = heads[column].getAttribute("aria-sort");
    const sign = down ? (down === "descending" ? 1 : -1) : rows.some((row) => typeof valueOf(row, column) === "number") && names[column] !== "rank" ? -1 : 1;
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    // Rows that may not be compared stay in their own group.
    for (const { body, rows: own } of groups) body.append(...[...own].sort((a, b) => compared(valueOf(a, column), valueOf(b, column), sign)));
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = (kinds.value && row.dataset.kind !== kinds.value) || !words.every((word) => text.get(row).includes(word));
    for (const { body, rows: own } of groups) for (const head of body.querySelectorAll(".group")) head.hidden = own.every((row) => row.hidden);
    status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }

  function show(column, shown) {
    for (const row of table.rows) if (!row.matches(".group")) row.cells[column].hidden = !shown;
  }

  heads.forEach((head, column) => {
    const tell = () => { explain.textContent = meanings[column] ? `${names[column]}: ${meanings[column]}` : ""; };
    head.replaceChildren(make("button", { type: "button", onclick: () => sort(column), onfocus: tell, onpointerenter: tell }, names[column]));
  });
  const search = make("input", { type: "search", id: `search${number}`, autocomplete: "off", spellcheck: "false", oninput: filter });
  const kinds = make("select", { id: `kinds${number}`, onchange: filter }, ...KINDS.map(([value, name]) => make("option", { value }, name)));
  const boxes = names.slice(1).map((name, k) => make("label", {}, make("input", { type: "checkbox", checked: "", onchange: (event) => show(k + 1, event.target.checked) }), ` ${name}`));
  const field = (input, name) => make("span", { class: "field" }, make("label", { for: input.id }, name), input);
  section.querySelector(".wide").before(make("div", { class: "controls", role: "search", "aria-label": `Rows of ${section.querySelector("h2").textContent}` },
    field(search, "search"), field(kinds, "show"), make("details", {}, make("summary", {}, "columns"), make("div", { class: "columns" }, ...boxes)), status), explain);
  filter();
}

document.querySelectorAll(".board").forEach(enhance);
