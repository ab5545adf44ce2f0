// Adds to each table of a board: sorting by its heads, a search, a choice of rows and of columns.
const KINDS = [["", "every row"], ["run", "runs"], ["paper", "papers"], ["blind", "baselines and upper bounds"]];

function enhance(section, number) {
  const table = section.querySelector("table"), names = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  const explain = el("p", { class: "hint explain" }, "Point at a column, or tab to it, to read what it means."), status = el("p", { role: "status" });
  sortable(table, (name, meaning) => { if (meaning) explain.textContent = `${name}: ${meaning}`; });
  const filter = () => { status.textContent = searched(table, search.value, (row) => !kinds.value || row.dataset.kind === kinds.value).join(" of ") + " rows"; };
  const show = (column, shown) => { for (const row of table.rows) if (!row.matches(".group")) row.cells[column].hidden = !shown; };
  const search = el("input", { type: "search", id: `search${number}`, autocomplete: "off", spellcheck: "false", oninput: filter });
  const kinds = el("select", { id: `kinds${number}`, onchange: filter }, ...KINDS.map(([value, name]) => el("option", { value }, name)));
  const boxes = names.slice(1).map((name, k) => el("label", {}, el("input", { type: "checkbox", checked: true, onchange: (event) => show(k + 1, event.target.checked) }), ` ${name}`));
  section.querySelector(".wide").before(el("div", { class: "controls", role: "search", "aria-label": `Rows of ${section.querySelector("h2").textContent}` },
    field(search, "search"), field(kinds, "show"), el("details", {}, el("summary", {}, "columns"), el("div", { class: "columns" }, ...boxes)), status), explain);
  filter();
}

document.querySelectorAll(".board").forEach(enhance);
