// Timelines: the true moments above, the answers of each run and mode below, on one axis from 0 to the end of the video.
const LANE = 8, COLOURS = 4;

// lanes: [{name, css, spans: [[start, end], ...]}]; answers that lie outside the video are drawn at its edge.
function timeline(duration, lanes) {
  const end = duration || 1, least = end / 250;
  const clip = (value) => Math.min(Math.max(value, 0), end);
  const rects = lanes.flatMap((lane, i) => [
    shape("line", { class: "lane", x1: 0, x2: end, y1: (i + 0.5) * LANE, y2: (i + 0.5) * LANE }),
    ...lane.spans.filter(([a, b]) => a !== null && b !== null).map(([a, b], k) => {
      const [low, high] = [clip(Math.min(a, b)), clip(Math.max(a, b))];
      const x = Math.min(low, end - least);
      return shape("rect", { class: "span " + lane.css + (k && lane.css !== "truth" ? " later" : ""), x, y: i * LANE + 1, width: Math.max(high - x, least), height: LANE - 2 });
    }),
  ]);
  const said = lanes.map((lane) => lane.name + ": " + (lane.spans.length ? lane.spans.map(([a, b]) => seconds(a) + " to " + seconds(b)).join(", ") : "none")).join("; ");
  return shape("svg", { class: "timeline", viewBox: `0 0 ${end} ${lanes.length * LANE}`, preserveAspectRatio: "none", role: "img", "aria-label": said + "; of " + seconds(end) + " s" }, ...rects);
}

// One cell a clip of 2 s, darker where the score is higher.
function strip(name, scores, most) {
  const cells = scores.map((score, i) => shape("rect", { class: "clip", x: i, y: 0, width: 1, height: 1, "fill-opacity": Math.max(0, Math.min(1, score / (most || 1))).toFixed(2) }));
  const best = scores.reduce((found, score, i) => score > scores[found] ? i : found, 0);
  const said = `${name}: ${scores.length} clips of 2 s, highest ${label(scores[best] ?? 0)} at ${2 * best} s`;
  return shape("svg", { class: "strip", viewBox: `0 0 ${scores.length || 1} 1`, preserveAspectRatio: "none", role: "img", "aria-label": said }, ...cells);
}

// Every answer series of the data, in the order of the lanes: each run in each mode.
function seriesOf(data) {
  const modes = Object.keys(data.modes);
  return data.runs.flatMap((run, i) => modes.map((mode) => ({
    name: [data.runs.length > 1 ? "AB"[i] : null, modes.length > 1 ? mode : null].filter(Boolean).join(" ") || "answer",
    run: i, mode, answers: data.answers[i][mode],
  }))).map((one, i) => ({ ...one, css: "s" + i % COLOURS }));
}

function lanesOf(data, series, i) {
  return [{ name: "truth", css: "truth", spans: spansOf(data.samples.targets[i]) },
    ...series.map((one) => ({ name: one.name, css: one.css, spans: spansOf(one.answers.spans[i]) }))];
}
