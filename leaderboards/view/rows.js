// The sample table: of any number of rows only those in sight are in the page.
const ROW = 48, SPARE = 8;

// Which of two runs are right: the filter of a page of two.
const SIDES = { "A right, B wrong": [true, false], "A wrong, B right": [false, true], "both right": [true, true], "both wrong": [false, false] };

// `wanted` is what the address wants; `choose` is told which sample is looked at.
function sampleTable(data, series, wanted, choose) {
  const samples = data.samples, count = samples.id.length, types = Object.keys(data.types);
  const state = { order: [...samples.id.keys()], key: null, down: false, text: "", typed: "", right: "", one: series[0], chosen: -1, all: false };
  const other = () => data.runs.length > 1 ? series.find((one) => one.run === 1 && one.mode === state.one.mode) : null;
  const first = () => series.find((one) => one.run === 0 && one.mode === state.one.mode);
  const change = (i) => other().answers.value[i] === null || first().answers.value[i] === null ? null : other().answers.value[i] - first().answers.value[i];
  const typeOf = (i) => state.one.answers.failure[i] ?? (state.one.answers.type[i] === null ? "not counted" : types[state.one.answers.type[i]]);
  const right = (one, i) => types[one.answers.type[i]] === "right";
  const every = [
    { name: "#", css: "c-place", value: (i) => i, cell: (i) => i + 1 },
    { name: "query", css: "c-query", value: (i) => samples.query[i].toLowerCase(), cell: (i) => el("bdi", { title: asked(samples, i).slice(0, 500) }, asked(samples, i).slice(0, 200)) },
    { name: "video", css: "c-video", value: (i) => data.videos.name[samples.video[i]], cell: (i) => el("bdi", {}, data.videos.name[samples.video[i]]) },
    { name: "seconds", css: "c-n", value: (i) => samples.duration_s[i], cell: (i) => seconds(samples.duration_s[i]) },
    { name: "timeline", css: "c-line", value: (i) => samples.targets[i][0], cell: (i) => picture(data, series, i) },
    ...series.map((one) => ({ name: one.name === "answer" ? data.metric : data.metric + " " + one.name, css: "c-value", value: (i) => one.answers.value[i] ?? -1, cell: (i) => points(one.answers.value[i]) })),
    ...(data.runs.length > 1 ? [{ name: "B \u2212 A", css: "c-value", value: (i) => change(i) ?? 0, cell: (i) => signed(change(i)) }] : []),
    { name: "answer is", css: "c-type", value: typeOf, cell: typeOf },
  ];
  // On a phone the score and the timeline come first.
  const order = ["c-value", "c-line", "c-query", "c-type", "c-video", "c-n", "c-place"];
  const columns = NARROW ? [...every].sort((a, b) => order.indexOf(a.css) - order.indexOf(b.css)) : every;
  const body = el("tbody", {});
  const grid = el("table", { class: "samples", "aria-rowcount": count + 1, "aria-describedby": "keys" });
  const view = el("div", { class: "rows", role: "region", "aria-label": "Table of samples" }, grid);
  const status = el("p", { role: "status", id: "found" });
  const heads = columns.map((column) => el("th", { scope: "col", class: column.css },
    el("button", { type: "button", onclick: () => { state.down = state.key === column ? !state.down : column.css === "c-value"; state.key = column; changed(); } }, column.name)));
  grid.style.minWidth = (NARROW ? 46 : 36) + 4.4 * (columns.length - 5) + "rem";
  grid.append(el("thead", {}, el("tr", { "aria-rowindex": 1 }, ...heads)), body);

  let words = null;
  function matches(i) {
    if (state.typed && typeOf(i) !== state.typed) return false;
    if (state.right && (right(first(), i) !== SIDES[state.right][0] || right(other(), i) !== SIDES[state.right][1])) return false;
    if (!state.text) return true;
    words ??= samples.id.map((id, k) => [samples.query[k], (samples.options?.[k] ?? []).join("\n"), id, data.videos.name[samples.video[k]], ...series.map((one) => [one.answers.text[k] ?? ""].flat().join(" "))].join("\n").toLowerCase());
    return words[i].includes(state.text);
  }

  function update() {
    const found = [];
    for (let i = 0; i < count; i++) if (matches(i)) found.push(i);
    if (state.key) {
      const values = new Map(found.map((i) => [i, state.key.value(i)])), sign = state.down ? -1 : 1;
      found.sort((a, b) => { const x = values.get(a), y = values.get(b); return (x < y ? -sign : x > y ? sign : 0) || a - b; });
    }
    state.order = found;
    heads.forEach((head, k) => head.setAttribute("aria-sort", columns[k] !== state.key ? "none" : state.down ? "descending" : "ascending"));
    status.textContent = `${found.length.toLocaleString("en")} of ${count.toLocaleString("en")} samples`;
    view.scrollTop = 0;
    draw();
  }

  // What the reader chose stands in the address; the sample that is looked at is one of those listed.
  function changed() {
    update();
    toAddress({ search: state.typing, is: state.typed, right: state.right, of: state.one === series[0] ? "" : state.one.name, sort: state.key?.name, down: state.key && state.down ? "1" : "" });
    if (state.order.length && !state.order.includes(state.chosen)) select(0, false);
  }

  function row(i, place) {
    const chosen = i === state.chosen;
    return el("tr", { "aria-rowindex": place + 2, "data-sample": i, "aria-selected": String(chosen), class: chosen ? "chosen" : null, tabindex: chosen || (place === 0 && !state.order.includes(state.chosen)) ? "0" : "-1" },
      ...columns.map((column) => el("td", { class: column.css }, column.cell(i))));
  }

  function draw() {
    const focused = body.contains(document.activeElement);
    const from = state.all ? 0 : Math.max(0, Math.floor(view.scrollTop / ROW) - SPARE);
    const to = state.all ? Math.min(state.order.length, 200) : Math.min(state.order.length, Math.ceil((view.scrollTop + view.clientHeight) / ROW) + SPARE);
    const space = (rows) => {
      const cell = el("td", { colspan: columns.length });
      cell.style.height = rows * ROW + "px";
      return el("tr", { class: "space", "aria-hidden": "true" }, cell);
    };
    body.replaceChildren(space(from), ...state.order.slice(from, to).map((i, k) => row(i, from + k)), space(state.all ? 0 : state.order.length - to));
    if (focused) body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  function select(place, focus) {
    if (!state.order.length) return;
    place = Math.min(Math.max(place, 0), state.order.length - 1);
    state.chosen = state.order[place];
    const top = place * ROW, room = view.clientHeight - heads[0].offsetHeight;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW > view.scrollTop + room) view.scrollTop = top + ROW - room;
    draw();
    if (focus) body.querySelector(".chosen")?.focus({ preventScroll: true });
    choose(state.chosen);
  }

  body.addEventListener("click", (event) => {
    const place = event.target.closest("tr")?.getAttribute("data-sample");
    if (place !== null && place !== undefined) select(state.order.indexOf(Number(place)), true);
  });
  body.addEventListener("keydown", (event) => {
    const here = state.order.indexOf(Number(event.target.closest("tr").getAttribute("data-sample"))), page = Math.floor(view.clientHeight / ROW) - 1;
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: state.order.length - 1, " ": here }[event.key];
    if (to !== undefined) { event.preventDefault(); select(to, true); }
    if (event.key === "Enter") { select(here, true); document.getElementById("detail").focus(); }
  });
  let waiting = false;
  view.addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } });
  window.addEventListener("beforeprint", () => { state.all = true; draw(); });
  window.addEventListener("afterprint", () => { state.all = false; draw(); });

  const search = el("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false", oninput: (event) => { seek(event.target.value); changed(); } });
  const seek = (text) => { state.typing = text; state.text = text.toLowerCase(); };
  const options = () => [...new Set(Array.from({ length: count }, (_, i) => typeOf(i)))].sort();
  const kinds = el("select", { id: "kinds", onchange: (event) => { state.typed = event.target.value; changed(); } });
  const sides = el("select", { id: "sides", onchange: (event) => { state.right = event.target.value; changed(); } }, el("option", { value: "" }, "all"), ...Object.keys(SIDES).map((name) => el("option", { value: name }, name)));
  const offer = () => { state.typed = ""; kinds.replaceChildren(el("option", { value: "" }, "all"), ...options().map((name) => el("option", { value: name }, name))); };
  const which = el("select", { id: "which", onchange: (event) => { state.one = series[event.target.value]; offer(); changed(); } }, ...series.map((one, i) => el("option", { value: i }, one.name)));
  const controls = el("form", { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() },
    field(search, "search"), series.length > 1 ? field(which, "answers of") : null, field(kinds, "answer is"), data.runs.length > 1 ? field(sides, "right") : null, status);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && document.activeElement.closest("#detail")) body.querySelector('[tabindex="0"]')?.focus();
  });
  offer();
  const place = el("div", {}, controls, el("p", { id: "keys", class: "hint" }, "Keys: / to search, arrows to go through the samples, Enter to the details, Escape back."), view);

  // As the address has it; what it names and this page has not is left out.
  function start(i) {
    search.value = wanted.search ?? "";
    seek(search.value);
    which.value = Math.max(series.findIndex((one) => one.name === wanted.of), 0);
    state.one = series[which.value];
    offer();
    kinds.value = options().includes(wanted.is) ? wanted.is : "";
    sides.value = data.runs.length > 1 && wanted.right in SIDES ? wanted.right : "";
    [state.typed, state.right] = [kinds.value, sides.value];
    state.key = columns.find((column) => column.name === wanted.sort) ?? null;
    state.down = wanted.down === "1";
    update();
    select(Math.max(state.order.indexOf(i), 0), false);
  }

  // Looks at a sample, also at one that the filters leave out.
  function open(i) {
    if (state.order.includes(i)) return select(state.order.indexOf(i), false);
    state.chosen = i;
    draw();
    choose(i);
  }
  return { place, start, open };
}
