// One sample: what was asked, what was true, what was answered, and the video where its file is at hand.
function detail(data, series, i) {
  const samples = data.samples, video = samples.video[i], duration = samples.duration_s[i];
  const lanes = lanesOf(data, series, i), player = videoOf(data, i, lanes);
  const moments = (flat, name, css) => spansOf(flat).map(([start, end]) => player && start !== null && end !== null
    ? el("button", { type: "button", class: css, onclick: () => player.play(start, end) }, `\u25b6 ${name} ${seconds(start)}\u2013${seconds(end)} s`)
    : el("span", { class: "moment " + css }, `${name} ${seconds(start)}\u2013${seconds(end)} s`));
  const clips = samples.saliency?.[i];
  return [
    el("h3", {}, el("bdi", {}, samples.query[i])),
    el("p", { class: "hint" }, el("bdi", {}, samples.id[i])),
    el("p", {}, "video ", el("bdi", {}, data.videos.name[video]), `, ${seconds(duration)} s`),
    player ? player.place : el("p", { class: "hint" }, "No file of this video was at hand when the page was made."),
    el("div", { class: "big" }, timeline(duration, lanes),
      el("ul", { class: "lanes", "aria-hidden": "true" }, el("li", { class: "truth" }, "truth"), ...series.map((one) => el("li", { class: one.css }, one.name)))),
    el("p", { class: "scale", "aria-hidden": "true" }, el("span", {}, "0 s"), el("span", {}, seconds(duration) + " s")),
    el("p", { class: "moments" }, ...moments(samples.targets[i], "truth", "truth")),
    clips ? el("div", {}, el("p", { class: "hint" }, "saliency of the annotators, mean of 0 to 4"), strip("saliency of the annotators", clips, 4)) : null,
    ...series.map((one) => answer(data, one, i, moments)),
  ];
}

function answer(data, one, i, moments) {
  const given = one.answers, clips = given.clips?.[i];
  const type = given.type[i] === null ? "not counted" : Object.keys(data.types)[given.type[i]];
  return el("section", { class: "answer " + one.css, "aria-label": "answer " + one.name },
    el("h4", {}, data.runs[one.run].label + (Object.keys(data.modes).length > 1 ? ", " + one.mode : "")),
    el("p", {}, el("strong", {}, data.metric + " " + points(given.value[i])), ` \u00b7 ${given.failure[i] ? given.failure[i] + " \u00b7 " : ""}${type}: ${data.types[type] ?? "left out by the protocol"}`),
    el("p", { class: "moments" }, ...moments(given.spans[i], "answer", one.css)),
    clips ? strip("clip scores read from the reply", clips, Math.max(...clips, 0)) : null,
    given.error[i] ? el("p", { class: "warning" }, given.error[i]) : null,
    el("h5", {}, "reply"), reply(data, given.text[i]),
    el("details", {}, el("summary", {}, "prompt"), prompt(data.questions[one.run], one.mode, data.samples.query[i], i)),
    el("p", { class: "hint" }, [given.cut_off[i] ? "cut off at the length limit" : null, !given.tokens[i] ? null : given.tokens[i] + " tokens", given.seconds[i] ? given.seconds[i] + " s in the model" : null].filter(Boolean).join(", ")));
}

function reply(data, text) {
  if (text === null) return el("p", { class: "hint" }, "none");
  if (typeof text === "string") return el("pre", { dir: "auto", tabindex: "0" }, text);
  const [head, left, tail] = text;
  return el("div", {}, el("p", { class: "note" }, `${left.toLocaleString("en")} characters are left out of the middle to keep this page small; samples.jsonl holds the whole reply.`),
    el("pre", { dir: "auto", tabindex: "0" }, head, el("mark", {}, ` \u2026 ${left.toLocaleString("en")} characters \u2026 `), tail));
}

function prompt(question, mode, query, i) {
  const sentence = question.sentences ? question.sentences[i] : query;
  const text = question.modes[mode].split("{query}").join(sentence);
  const parts = [question.system ? ["system", question.system] : null, ["user (" + (question.order === "video-text" ? "after" : "before") + " the video)", text], question.prefill ? ["start of the reply", question.prefill] : null];
  return el("dl", {}, ...parts.filter(Boolean).flatMap(([name, said]) => [el("dt", {}, name), el("dd", {}, el("pre", { dir: "auto" }, said))]));
}

// A player that stops where the moment ends, and frames to choose from.
function videoOf(data, i, lanes) {
  const url = data.videos.url[data.samples.video[i]];
  if (!url) return null;
  const from = data.samples.from_s?.[i] ?? 0, duration = data.samples.duration_s[i];
  const note = el("p", { class: "warning", role: "status", hidden: true }, "This browser cannot play the file, or it is no longer there.");
  const film = el("video", { controls: true, preload: "auto", playsinline: true, src: url + "#t=" + from, "aria-label": "video" });
  let stop = null;
  const failed = () => { note.hidden = false; };
  const go = (time) => { film.currentTime = from + time; stop = null; };
  film.addEventListener("error", failed);
  film.addEventListener("timeupdate", () => { if (stop !== null && film.currentTime >= stop) { film.pause(); stop = null; } });
  const play = (start, end) => {
    go(Math.max(0, Math.min(start, end)));
    stop = from + Math.max(start, end);
    film.play().catch(failed);
  };
  const frames = duration ? frameStrip(url, from, duration, lanes, go, failed) : null;
  return { place: el("div", {}, film, note, frames), play };
}
