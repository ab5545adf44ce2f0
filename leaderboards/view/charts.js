// Charts: one SVG each, with its figures as a table below it for those who cannot see it.
const WIDE = 420, HIGH = 220, LEFT = 44, BELOW = 34, ABOVE = 10, RIGHT = 10;

function scale(from, to, low, high) {
  return (value) => low + ((value - from) / (to - from || 1)) * (high - low);
}

function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((size) => size >= raw);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function label(value) {
  return String(Number(value.toPrecision(3)));
}

function axes(x, y, xRange, yRange, xName) {
  const bottom = HIGH - BELOW;
  return shape("g", { class: "axes", "aria-hidden": "true" },
    ...ticks(...yRange, 4).flatMap((value) => [
      shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(value), y2: y(value) }),
      shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, label(value)),
    ]),
    ...ticks(...xRange, 5).map((value) => shape("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, label(value))),
    shape("text", { x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 3, "text-anchor": "middle" }, xName));
}

function figure(title, said, drawing, legend, columns, rows) {
  const picture = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": title + ". " + said }, ...drawing);
  return el("figure", {}, el("figcaption", {}, title), picture,
    legend.length > 1 ? el("ul", { class: "legend" }, ...legend.map((one) => el("li", { class: one.css }, one.name))) : null,
    el("details", { ontoggle: (event) => event.target.children.length > 1 || event.target.append(table(title, columns, rows)) }, el("summary", {}, "as a table")));
}

// series: [{name, css, points: [[x, y], ...]}]
function lineChart(title, xName, series, yRange = null) {
  const every = series.flatMap((one) => one.points);
  const xs = every.map((point) => point[0]), ys = every.map((point) => point[1]);
  const ends = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const xRange = ends(xs), [low, high] = yRange ?? ends(ys);
  const x = scale(...xRange, LEFT, WIDE - RIGHT), y = scale(low, high, HIGH - BELOW, ABOVE);
  const lines = series.map((one) => shape("polyline", { class: "line " + one.css, points: one.points.map(([a, b]) => x(a).toFixed(1) + "," + y(b).toFixed(1)).join(" ") }));
  const said = series.map((one) => `${one.name}: from ${label(one.points[0][1])} to ${label(one.points.at(-1)[1])}`).join("; ");
  const byX = new Map();
  series.forEach((one, i) => one.points.forEach(([a, b]) => byX.set(a, (byX.get(a) ?? []).concat([[i, b]]))));
  const rows = [...byX].sort((a, b) => a[0] - b[0]).map(([a, found]) => {
    const cells = new Map(found);
    return [label(a), ...series.map((_, i) => cells.has(i) ? label(cells.get(i)) : MISSING)];
  });
  return figure(title, said, [axes(x, y, xRange, [low, high], xName), ...lines], series, [xName, ...series.map((one) => one.name)], rows);
}

// Bars side by side: labels along x, one height a series; series: [{name, css, values}].
function barChart(title, xName, labels, series) {
  const high = Math.max(1, ...series.flatMap((one) => one.values));
  const y = scale(0, high, HIGH - BELOW, ABOVE), slot = (WIDE - LEFT - RIGHT) / labels.length, width = (slot * 0.86) / series.length;
  const bars = series.flatMap((one, i) => one.values.map((value, k) => shape("rect", {
    class: "bar " + one.css, x: (LEFT + slot * (k + 0.07) + width * i).toFixed(1), y: y(value).toFixed(1), width: width.toFixed(1), height: (HIGH - BELOW - y(value)).toFixed(1),
  })));
  const names = labels.map((name, k) => k % 5 === 0 ? shape("text", { x: LEFT + slot * (k + 0.5), y: HIGH - BELOW + 16, "text-anchor": "middle" }, name) : null);
  const said = series.map((one) => `${one.name}: ${one.values[0].toLocaleString("en")} of ${one.values.reduce((a, b) => a + b, 0).toLocaleString("en")} are ${labels[0]}`).join("; ");
  const grid = shape("g", { class: "axes", "aria-hidden": "true" }, ...names,
    ...ticks(0, high, 4).flatMap((value) => [
      shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(value), y2: y(value) }),
      shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, label(value)),
    ]),
    shape("text", { x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 3, "text-anchor": "middle" }, xName));
  const rows = labels.map((name, k) => [name, ...series.map((one) => one.values[k].toLocaleString("en"))]);
  return figure(title, said, [grid, ...bars], series, [xName, ...series.map((one) => one.name)], rows);
}
