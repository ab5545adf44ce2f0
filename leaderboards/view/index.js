// The page of a folder of runs: one table a split, each run with a link to its page; two that are ticked are compared.
// A path may break after its slashes, so that the numbers beside it stay in sight.
function path(text) {
  return el("bdi", { class: "path", title: text }, ...broken(text));
}

const SAID = ["mode", "trained on", "commit", "not comparable", "notes"];

function said(column) {
  return SAID.includes(column) ? "said" : null;
}

function rowOf(row, tick, columns) {
  const model = el("bdi", { title: row.model }, ...broken(row.model)), name = [row.href ? el("a", { href: row.href }, model) : model, path(row.name)];
  return el("tr", {}, el("td", {}, tick), el("th", { scope: "row" }, ...name), ...row.cells.map((cell, k) => el("td", { class: said(columns[k + 1]) }, cell || MISSING)));
}

// The columns of numbers side by side, and what may be said of the two.
function together(one, [i, j]) {
  const [a, b] = [one.rows[i], one.rows[j]], said = one.verdicts[`${i},${j}`];
  const rows = one.columns.slice(1).flatMap((name, k) => !/^-?\d+(\.\d+)?(%| \u00b1.*)?$/.test(a.cells[k]) ? [] : [[name, a.cells[k], b.cells[k]]]);
  return [said ? el("p", { class: "verdict" }, said) : el("p", { class: "hint" }, "This list says nothing of these two: one of them lacks replies to a part of the split, or there are too many runs."),
    table("A and B", ["", "A " + a.model, "B " + b.model], rows, { class: "figures two" }),
    el("p", { class: "hint" }, "Query by query: ", el("code", {}, `harness view ${a.name} ${b.name}`), " in the folder of this page.")];
}

function runsTable(one, number) {
  const head = ["compare", ...one.columns].map((name, k) => el("th", { scope: "col", class: said(name), title: k ? one.meanings[k - 1] || null : null, "aria-sort": name === one.main ? "descending" : null }, name));
  const asked = fromAddress(), body = el("tbody", {}), apart = el("tbody", { class: "apart" }), place = el("div", { role: "status" }), count = el("p", { role: "status" });
  const found = el("table", { class: "figures runs" }, el("caption", {}, one.title), el("thead", {}, el("tr", {}, ...head)), body, apart);
  // By name and mode: the list may have other rows when the address is opened.
  const keys = one.rows.map((row) => row.name + " " + row.cells[one.columns.indexOf("mode") - 1]);
  const ticked = (asked["ticked" + number] ?? "").split("\n").map((key) => keys.indexOf(key)).filter((i) => i >= 0);
  const told = () => place.replaceChildren(...(ticked.length === 2 ? together(one, [...ticked].sort((a, b) => a - b)) : []));
  const tick = (row, i) => el("input", { type: "checkbox", "aria-label": `compare ${row.model}, ${row.name}`, checked: ticked.includes(i), onchange: (event) => {
    if (event.target.checked) ticked.push(i); else ticked.splice(ticked.indexOf(i), 1);
    told();
    toAddress({ ["ticked" + number]: ticked.map((i) => keys[i]).join("\n") });
  } });
  const lines = one.rows.map((row, i) => rowOf(row, tick(row, i), one.columns)), joined = one.joined?.map((row) => rowOf(row, "", one.columns));
  const filter = () => { count.textContent = searched(found, search.value).join(" of ") + " rows"; };
  const group = el("tr", { class: "group" }, el("th", { scope: "rowgroup", colspan: head.length }, el("span", {}, "Not comparable with these")));
  const fill = () => {
    const [rows, told] = seeds.checked ? [joined, one.joined] : [lines, one.rows], below = rows.filter((_, k) => told[k].apart);
    body.replaceChildren(...rows.filter((_, k) => !told[k].apart));
    apart.replaceChildren(...(below.length ? [group, ...below] : []));
    ordered();
    filter();
  };
  const search = el("input", { type: "search", id: "search" + number, autocomplete: "off", spellcheck: "false", value: asked["search" + number] ?? "", oninput: () => { filter(); toAddress({ ["search" + number]: search.value }); } });
  const seeds = el("input", { type: "checkbox", id: "seeds" + number, checked: Boolean(joined && asked["seeds" + number]), onchange: () => { fill(); toAddress({ ["seeds" + number]: seeds.checked ? "1" : "" }); } });
  const ordered = sortable(found, number);
  fill();
  told();
  return [el("div", { class: "controls", role: "search", "aria-label": "Runs of " + one.title }, field(search, "search"), joined ? field(seeds, "seeds as one row") : null, count,
    one.rows.length > 1 ? el("p", { class: "hint" }, "Tick two runs to compare them.") : null), place,
  el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of " + one.title }, found)];
}

show((data, page) => {
  let number = 0;
  page.append(...data.splits.map((split) => section(split.name, ...split.tables.flatMap((one) => runsTable(one, number++)))));
  if (data.refused.length) page.append(section("No page", table("Runs that could not be read", ["run", "why"], data.refused.map((row) => row.map(path)), { class: "figures" })));
});
