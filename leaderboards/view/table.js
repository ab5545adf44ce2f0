// Tables that are sorted by their heads and searched. Cells may tell their number by `data-value`.

// A number where a cell has one or looks like one, else its text; what is unknown comes last in either direction.
function valueOf(row, column) {
  const cell = row.cells[column], text = cell.textContent.trim();
  if (text === MISSING) return null;
  const number = Number.parseFloat(cell.dataset.value ?? text);
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compared(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -sign : a > b ? sign : 0;
}

// The rows of each body of a table, without the one that names the body.
function bodiesOf(table) {
  return [...table.tBodies].map((body) => ({ body, rows: [...body.rows].filter((row) => !row.matches(".group")) }));
}

// Makes every head a button; rows stay in their own body. `tell` hears of the head that one points at or comes to. The address
// keeps the order under the number of the table. Returns what puts new rows into the order that the heads tell.
function sortable(table, number, tell = () => {}) {
  const heads = [...table.tHead.rows[0].cells];
  const order = (column, up) => {
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
    for (const { body, rows } of bodiesOf(table)) body.append(...rows.sort((a, b) => compared(valueOf(a, column), valueOf(b, column), up ? 1 : -1)));
  };
  const sort = (column) => {
    const now = heads[column].getAttribute("aria-sort"), numbers = bodiesOf(table).some(({ rows }) => rows.some((row) => typeof valueOf(row, column) === "number"));
    const up = now ? now === "descending" : !numbers || heads[column].textContent === "rank";
    order(column, up);
    toAddress({ ["sort" + number]: heads[column].textContent, ["up" + number]: up ? "1" : "" });
  };
  heads.forEach((head, column) => {
    if (!head.textContent) return;
    const said = () => tell(head.textContent, head.title);
    head.replaceChildren(el("button", { type: "button", onclick: () => sort(column), onfocus: said, onpointerenter: said }, head.textContent));
  });
  const asked = fromAddress(), wanted = heads.findIndex((head) => head.textContent && head.textContent === asked["sort" + number]);
  if (wanted >= 0) order(wanted, asked["up" + number] === "1");
  return () => {
    const column = heads.findIndex((head) => head.hasAttribute("aria-sort"));
    if (column >= 0) order(column, heads[column].getAttribute("aria-sort") === "ascending");
  };
}

// Hides what lacks one of the words, or is refused by `keeps`; returns how many rows are left, and how many there are.
function searched(table, text, keeps = () => true) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0, count = 0;
  for (const { body, rows } of bodiesOf(table)) {
    for (const row of rows) {
      const said = row.textContent.toLowerCase();
      row.hidden = !keeps(row) || !words.every((word) => said.includes(word));
      shown += row.hidden ? 0 : 1;
      count += 1;
    }
    for (const head of body.querySelectorAll(".group")) head.hidden = rows.every((row) => row.hidden);
  }
  return [shown, count];
}

function field(input, name) {
  return el("span", { class: "field" }, el("label", { for: input.id }, name), input);
}
