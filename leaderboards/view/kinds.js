// What only some kinds of question have: several sentences, options, clips with scores, spans with partners.
const letterOf = (k) => String.fromCharCode(65 + k);

// What is asked, in one line; sentences that are asked together have numbers.
function asked(samples, i) {
  const queries = samples.queries?.[i] ?? [];
  return queries.length ? queries.map((query, k) => `${k + 1}. ${query}`).join("  ") : samples.query[i];
}

// Each sentence with its own true span, and those said for it.
function events(data, i, lanes, moments, line) {
  const queries = data.samples.queries?.[i] ?? [];
  if (!queries.length) return null;
  return el("ol", { class: "events" }, ...queries.map((query, k) => {
    const own = lanes.map((lane) => ({ ...lane, spans: lane.spans.slice(k, k + 1), looks: [], notes: [] }));
    return el("li", {}, el("bdi", {}, query), line(timeline(data.samples.duration_s[i], own)), el("p", { class: "moments" }, ...own.flatMap(moments)));
  }));
}

// The options with their letters; which is right and which was said stands there in words.
function options(data, series, i) {
  const given = data.samples.options?.[i] ?? [];
  if (!given.length) return null;
  return el("ul", { class: "options", "aria-label": "Options" }, ...given.map((text, k) => {
    const right = letterOf(k) === data.samples.option?.[i], said = series.filter((one) => one.answers.option?.[i] === letterOf(k));
    return el("li", { class: right ? "right" : null }, el("strong", {}, `(${letterOf(k)}) `), el("bdi", {}, text),
      ...(right ? [" ", el("span", { class: "moment truth" }, "right")] : []),
      ...said.flatMap((one) => [" ", el("span", { class: "moment " + one.css }, series.length > 1 ? "said by " + one.name : "said")]));
  }));
}

function strips(data, series, i) {
  const samples = data.samples, grid = samples.grid?.[i], duration = samples.duration_s[i];
  return [strip("scores of the annotators", samples.saliency[i], samples.saliency_range, grid, duration),
    ...series.filter((one) => one.answers.clips).map((one) => el("div", { class: one.css }, answerStrip(one, i, grid, duration)))];
}

function answerStrip(one, i, grid, duration) {
  const clips = one.answers.clips[i];
  return strip("clip scores read from the " + (one.name === "answer" ? "reply" : "reply, " + one.name), clips, [Math.min(...clips, 0), Math.max(...clips, 0)], grid, duration);
}

// The picture of a sample in the table: its moments, or where there are none its clips.
function picture(data, series, i) {
  if (data.samples.targets[i].length || !data.samples.saliency) return timeline(data.samples.duration_s[i], lanesOf(data, series, i));
  return el("div", { class: "strips" }, ...strips(data, series, i));
}
