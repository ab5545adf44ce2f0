// The page of a folder of runs: one table a split, each run with a link to its page.
// A path may break after its slashes, so that the numbers beside it stay in sight.
function path(text) {
  return el("bdi", { class: "path" }, ...text.split("/").flatMap((part, k) => k ? ["/", el("wbr"), part] : [part]));
}

show((data, page) => {
  const cellsOf = (one, row) => row.cells.map((cell, k) => one.columns[k + 1] === "model" ? path(cell) : cell);
  page.append(...data.splits.map((split) => section(split.name, ...split.tables.map((one) => table(one.title, one.columns,
    one.rows.map((row) => [row.href ? el("a", { href: row.href }, path(row.name)) : path(row.name), ...cellsOf(one, row)]), { class: "figures" })))));
  if (data.refused.length) page.append(section("No page", table("Runs that could not be read", ["run", "why"], data.refused.map((row) => row.map(path)), { class: "figures" })));
});
