// Timelines: the true moments above, the answers of each run and mode below, on one axis from 0 to the end of the video.
const LANE = 8, COLOURS = 4;

// lanes: [{name, css, spans: [[start, end], ...], looks, notes}], the last two a class and a word for each span; answers that
// lie outside the video are drawn at its edge.
function timeline(duration, lanes) {
  const end = duration || 1, least = end / 250;
  const clip = (value) => Math.min(Math.max(value, 0), end);
  const rects = lanes.flatMap((lane, i) => [
    shape("line", { class: "lane", x1: 0, x2: end, y1: (i + 0.5) * LANE, y2: (i + 0.5) * LANE }),
    ...lane.spans.map(([a, b], k) => {
      if (a === null || b === null) return null;
      const [low, high] = [clip(Math.min(a, b)), clip(Math.max(a, b))];
      const x = Math.min(low, end - least);
      return shape("rect", { class: ["span", lane.css, lane.looks[k]].filter(Boolean).join(" "), x, y: i * LANE + 1, width: Math.max(high - x, least), height: LANE - 2 });
    }),
  ]);
  const said = lanes.map((lane) => lane.name + ": " + (lane.spans.length ? lane.spans.map(([a, b], k) => seconds(a) + " to " + seconds(b) + (lane.notes[k] ? ` (${lane.notes[k]})` : "")).join(", ") : "none")).join("; ");
  return shape("svg", { class: "timeline", viewBox: `0 0 ${end} ${lanes.length * LANE}`, preserveAspectRatio: "none", role: "img", "aria-label": said + "; of " + seconds(end) + " s" }, ...rects);
}

// One cell a clip, darker where the score is higher: clips of 2 s, or those of a grid of starts and ends in turn.
function strip(name, scores, range, grid, duration) {
  const bounds = grid?.length ? spansOf(grid) : scores.map((_, i) => [2 * i, 2 * i + 2]), end = Math.max(duration ?? 0, bounds.at(-1)?.[1] ?? 0, 1);
  const [low, high] = range ?? [0, 1], share = (score) => Math.max(0, Math.min(1, (score - low) / (high - low || 1)));
  const cells = scores.slice(0, bounds.length).map((score, i) => shape("rect", { class: "clip", x: bounds[i][0], y: 0, width: bounds[i][1] - bounds[i][0], height: 1, "fill-opacity": share(score).toFixed(2) }));
  const best = scores.reduce((found, score, i) => score > scores[found] ? i : found, 0);
  const said = `${name}: ${scores.length} clips${grid?.length ? "" : " of 2 s"}, highest ${label(scores[best] ?? 0)} at ${seconds(bounds[best]?.[0] ?? 0)} s`;
  return shape("svg", { class: "strip", viewBox: `0 0 ${end} 1`, preserveAspectRatio: "none", role: "img", "aria-label": said }, ...cells);
}

// Every answer series of the data, in the order of the lanes: each run in each mode.
function seriesOf(data) {
  const modes = Object.keys(data.modes);
  return data.runs.flatMap((run, i) => modes.map((mode) => ({
    name: [data.runs.length > 1 ? "AB"[i] : null, modes.length > 1 ? mode : null].filter(Boolean).join(" ") || "answer",
    run: i, mode, answers: data.answers[i][mode],
  }))).map((one, i) => ({ ...one, css: "s" + i % COLOURS }));
}

// Spans are drawn fainter where the first alone counts or counts most, and hollow where they have no partner.
function lanesOf(data, series, i) {
  const truth = spansOf(data.samples.targets[i]), paired = series.filter((one) => one.answers.found);
  const finders = truth.map((_, k) => paired.filter((one) => one.answers.found[i][k]).map((one) => one.name));
  const found = (names) => !names.length ? "missed" : series.length > 1 ? "found by " + names.join(", ") : "found";
  const drawn = (spans, lone) => spans.map((_, k) => lone[k] ? "lone" : data.every_span_counts && spans.length > 1 ? "many" : "");
  return [
    { name: "truth", css: "truth", spans: truth, looks: drawn(truth, finders.map((names) => paired.length && !names.length)), notes: paired.length ? finders.map(found) : [] },
    ...series.map((one) => {
      const spans = spansOf(one.answers.spans[i]), partner = one.answers.matched?.[i];
      const looks = data.every_span_counts ? drawn(spans, (partner ?? []).map((has) => !has)) : spans.map((_, k) => k ? "later" : "");
      return { name: one.name, css: one.css, spans, looks, notes: (partner ?? []).map((has) => has ? "matched" : "unmatched") };
    }),
  ];
}
