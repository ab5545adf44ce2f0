// What holds for all samples: scores, curves, breakdowns, errors, training.
function scores(data) {
  // The score stands beside the name, so that a phone shows both.
  const modes = Object.keys(data.modes).length > 1 ? ["mode"] : [], first = ["model", data.main, "95 %", ...modes], every = [...new Set(data.scores.flatMap((row) => Object.keys(row)))];
  const rank = (column) => first.includes(column) ? first.indexOf(column) : data.metrics.includes(column) ? 4 : 5;
  const columns = every.sort((a, b) => rank(a) - rank(b));
  const intro = "95 % intervals are clustered by video. The query gap is how much better answers fit their own query than others of the video.";
  return section("Scores", table("Scores in percent", columns, data.scores.map((row) => columns.map((column) => row[column])), { class: "figures scores" }), el("p", { class: "hint" }, intro),
    ...data.runs.map((run, i) => el("details", {}, el("summary", {}, (data.runs.length > 1 ? "AB"[i] + ": " : "") + "what identifies the numbers of " + run.name),
      el("dl", { class: "facts" }, ...run.facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, el("bdi", {}, value))])))));
}

function names(data) {
  return data.runs.map((run) => run.label);
}

function comparison(data, mode, found) {
  if (!found.comparison) return [];
  const primary = found.comparison.primary;
  const rows = Object.entries(found.comparison.metrics).map(([name, m]) => [(data.headings[name] || name) + (name === primary ? " (primary)" : ""), m.n, points(m.a), points(m.b), signed(m.difference), interval(m.interval_95, m.n), chance(m.p) + (name === primary || m.p === null ? "" : "*"), m.detectable === null && m.interval_95[0] === null ? interval(m.interval_95, m.n) : points(m.detectable), m.better, m.same, m.worse]);
  const changes = found.comparison.failure_changes.map((change) => [change.a ?? "read", change.b ?? "read", change.n]);
  return [table("B \u2212 A, paired by sample, in points", ["metric", "n", "A", "B", "B \u2212 A", "95 %", "p", "detectable", "better", "same", "worse"], rows, { class: "figures" }),
    el("p", { class: "hint" }, "* not corrected for the number of metrics: the primary one alone is a test. Detectable: the smallest true difference that 80 % of such comparisons find."),
    changes.length ? table("Failures that changed", ["A", "B", "n"], changes, { class: "figures" }) : null].filter(Boolean);
}

function breakdown(data, found) {
  if (!found.breakdown.length) return null;
  const two = found.comparison !== null;
  const columns = two ? ["part of the split", "n", "A", "B", "B \u2212 A", "95 %", "p"] : ["part of the split", "n", data.main, "95 %"];
  const rows = found.breakdown.map((part) => [part.feature + ": " + part.range, part.n, points(part.a),
    ...(two ? [points(part.b), signed(part.difference), interval(part.interval_95, part.n), chance(part.p)] : [interval(part.interval_95, part.n)])]);
  return table(data.main + " by part of the split", columns, rows, { class: "figures" });
}

function errors(data, found) {
  const called = names(data);
  const order = Object.keys(data.types).filter((type) => found.systems.some((system) => system.errors.some((row) => row.type === type)));
  const rows = order.map((type) => [type, data.types[type], ...found.systems.flatMap((system) => {
    const row = system.errors.find((each) => each.type === type);
    return row ? [row.n, ...data.repaired.map((metric) => signed(row[metric]))] : [0, ...data.repaired.map(() => MISSING)];
  })]);
  const columns = ["answers", "meaning", ...called.flatMap((_, i) => ["n", ...data.repaired.map((metric) => data.headings[metric] || metric)].map((name) => (called.length > 1 ? "AB"[i] + " " : "") + name))];
  const clocks = found.systems.map((system, i) => system.clock ? el("p", { class: "warning" }, `WRONG CLOCK: read as ${system.clock.reads}, all answers of ${called[i]} would gain ${points(system.clock.mIoU)} mIoU`) : null);
  return [table("Errors: by how many points a score would rise if the answers of one type alone were perfect", columns, rows, { class: "figures errors" }), ...clocks.filter(Boolean)];
}

function summary(data) {
  const modes = Object.keys(data.modes), called = names(data);
  return modes.map((mode) => {
    const found = data.modes[mode], bins = found.systems[0].histogram.length - 1;
    const labels = ["0", ...Array.from({ length: bins }, (_, i) => ((i + 1) / bins).toFixed(2))];
    const curves = found.systems.map((system, i) => ({ name: called[i], css: "s" + i, points: system.curve.map((value, k) => [data.thresholds[k], value]) })).filter((one) => one.points.length);
    return section(modes.length > 1 ? "Mode " + mode : "Overview", ...comparison(data, mode, found),
      el("div", { class: "charts" }, barChart(data.metric + " histogram", data.metric + " up to", labels, found.systems.map((system, i) => ({ name: called[i], css: "s" + i, values: system.histogram }))),
        curves.length ? lineChart("R1 by IoU threshold", "IoU threshold", curves, [0, 100]) : null),
      ...errors(data, found), breakdown(data, found));
  });
}

function training(data) {
  const figures = [...new Set(data.runs.flatMap((run) => run.training.map((curve) => curve.name)))];
  if (!figures.length) return null;
  const called = names(data);
  const charts = figures.map((name) => {
    const lines = data.runs.map((run, i) => ({ name: called[i], css: "s" + i, points: run.training.find((curve) => curve.name === name)?.points ?? [] })).filter((one) => one.points.length);
    return lineChart(lines.length < called.length ? `${name} (${lines[0].name})` : name, "step", lines);
  });
  const first = charts.slice(0, 6), rest = charts.slice(6);
  return section("Training", el("div", { class: "charts small" }, ...first),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more figures`), el("div", { class: "charts small" }, ...rest)) : null);
}
