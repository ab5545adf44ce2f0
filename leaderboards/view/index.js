// The page of a folder of runs: one table a split, each run with a link to its page.
show((data, page) => {
  page.append(...data.splits.map((split) => section(split.name, ...split.tables.map((one) => table(one.title, one.columns,
    one.rows.map((row) => [row.href ? el("a", { href: row.href }, row.name) : row.name, ...row.cells]), { class: "figures" })))));
  if (data.refused.length) page.append(section("No page", table("Runs that could not be read", ["run", "why"], data.refused)));
});
