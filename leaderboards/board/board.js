// Adds to each table of a board: sorting by its heads, a search, a choice of rows and of columns. The address keeps them.
const KINDS = [["", "every row"], ["run", "runs"], ["paper", "papers"], ["blind", "baselines and upper bounds"]];

function enhance(section, number) {
  const table = section.querySelector("table"), names = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  const asked = fromAddress(), hidden = new Set((asked["hide" + number] ?? "").split("\n"));
  const explain = el("p", { class: "hint explain" }, "Point at a column, or tab to it, to read what it means."), status = el("p", { role: "status" });
  sortable(table, number, (name, meaning) => { if (meaning) explain.textContent = `${name}: ${meaning}`; });
  const filter = () => { status.textContent = searched(table, search.value, (row) => !kinds.value || row.dataset.kind === kinds.value).join(" of ") + " rows"; };
  const choose = () => { filter(); toAddress({ ["search" + number]: search.value, ["show" + number]: kinds.value }); };
  const show = (column, shown) => { for (const row of table.rows) if (!row.matches(".group")) row.cells[column].hidden = !shown; };
  const pick = (column, shown) => {
    show(column, shown);
    hidden[shown ? "delete" : "add"](names[column]);
    toAddress({ ["hide" + number]: [...hidden].filter(Boolean).join("\n") });
  };
  const search = el("input", { type: "search", id: `search${number}`, autocomplete: "off", spellcheck: "false", value: asked["search" + number] ?? "", oninput: choose });
  const kinds = el("select", { id: `kinds${number}`, onchange: choose }, ...KINDS.map(([value, name]) => el("option", { value, selected: value === asked["show" + number] }, name)));
  const boxes = names.slice(1).map((name, k) => el("label", {}, el("input", { type: "checkbox", checked: !hidden.has(name), onchange: (event) => pick(k + 1, event.target.checked) }), ` ${name}`));
  section.querySelector(".wide").before(el("div", { class: "controls", role: "search", "aria-label": `Rows of ${section.querySelector("h2").textContent}` },
    field(search, "search"), field(kinds, "show"), el("details", {}, el("summary", {}, "columns"), el("div", { class: "columns" }, ...boxes)), status), explain);
  names.forEach((name, column) => { if (column && hidden.has(name)) show(column, false); });
  filter();
}

document.querySelectorAll(".board").forEach(enhance);
