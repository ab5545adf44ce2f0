// One sample: what was asked, what was true, what was answered, and the video where its file is at hand.
const MOST_SIBLINGS = 40, GONE = false, LONG = 250;

function detail(data, series, i, open) {
  const samples = data.samples, video = samples.video[i], duration = samples.duration_s[i];
  const lanes = lanesOf(data, series, i), player = videoOf(data, i, lanes, open), line = (picture) => player ? player.follow(picture, duration) : picture;
  const moments = ({ name, css, spans, looks, notes }) => spans.map(([start, end], k) => {
    const said = `${name} ${seconds(start)}\u2013${seconds(end)} s${notes[k] ? " " + notes[k] : ""}`, look = css + (looks[k] === "lone" ? " lone" : "");
    return player && start !== null && end !== null
      ? el("button", { type: "button", class: look, onclick: () => player.play(start, end) }, "\u25b6 " + said)
      : el("span", { class: "moment " + look }, said);
  });
  const clips = samples.saliency?.[i], range = samples.saliency_range, several = events(data, i, lanes, moments, line);
  return [
    el("h3", samples.query[i].length > LONG && !several ? { class: "long", tabindex: "0" } : {}, several ? `${samples.queries[i].length} sentences` : el("bdi", {}, samples.query[i])),
    el("p", { class: "hint" }, el("bdi", {}, samples.id[i])),
    el("p", {}, "video ", el("bdi", {}, data.videos.name[video]), `, ${seconds(duration)} s`),
    options(data, series, i),
    player ? player.place : noVideo(data.videos.url[video] === GONE),
    el("div", { class: "big" }, clips && !lanes.some((lane) => lane.spans.length) ? null : line(timeline(duration, lanes)),
      el("ul", { class: "lanes", "aria-hidden": "true" }, el("li", { class: "truth" }, "truth"), ...series.map((one) => el("li", { class: one.css }, one.name)))),
    el("p", { class: "scale", "aria-hidden": "true" }, el("span", {}, "0 s"), el("span", {}, seconds(duration) + " s")),
    series.some((one) => one.answers.matched) ? el("p", { class: "hint" }, "Filled: with a partner of IoU 0.5 or more, one each; hollow: without.") : null,
    several ?? el("p", { class: "moments" }, ...moments(lanes[0])),
    clips ? el("div", {}, el("p", { class: "hint" }, `scores of the annotators, mean, from ${label(range[0])} to ${label(range[1])}`), strip("scores of the annotators", clips, range, samples.grid?.[i], duration)) : null,
    ...series.map((one, k) => answer(data, one, i, several ? [] : moments(lanes[k + 1]))),
    siblings(data, series, i, open),
  ];
}

// Every question of the same video, each a way to its details.
function siblings(data, series, i, open) {
  const samples = data.samples, same = samples.video.flatMap((video, k) => video === samples.video[i] ? [k] : []);
  if (same.length < 2) return null;
  return el("section", { class: "siblings", "aria-label": "Every question of this video" }, el("h4", {}, `All ${same.length} questions of this video`),
    el("ol", {}, ...same.slice(0, MOST_SIBLINGS).map((k) => el("li", {}, el("button", { type: "button", "aria-current": k === i ? "true" : null, onclick: () => open(k) },
      el("bdi", {}, asked(samples, k).slice(0, 120)), el("span", { class: "hint" }, series.map((one) => (series.length > 1 ? one.name + " " : "") + points(one.answers.value[k])).join(" \u00b7 ")), picture(data, series, k))))),
    same.length > MOST_SIBLINGS ? el("p", { class: "hint" }, `and ${same.length - MOST_SIBLINGS} more: search for the name of the video`) : null);
}

function answer(data, one, i, moments) {
  const given = one.answers;
  const type = given.type[i] === null ? "not counted" : Object.keys(data.types)[given.type[i]];
  return el("section", { class: "answer " + one.css, "aria-label": "answer " + one.name },
    el("h4", {}, data.runs[one.run].label + (Object.keys(data.modes).length > 1 ? ", " + one.mode : "")),
    el("p", {}, el("strong", {}, data.metric + " " + points(given.value[i])), ` \u00b7 ${given.failure[i] ? given.failure[i] + " \u00b7 " : ""}${type}: ${data.types[type] ?? "left out by the protocol"}`),
    el("p", { class: "moments" }, ...moments),
    given.clips ? answerStrip(one, i, data.samples.grid?.[i], data.samples.duration_s[i]) : null,
    given.error[i] ? el("p", { class: "warning" }, given.error[i]) : null,
    el("h5", {}, "reply"), reply(data, given.text[i]),
    el("details", {}, el("summary", {}, "prompt"), prompt(data, data.questions[one.run], one.mode, i)),
    el("p", { class: "hint" }, [given.cut_off[i] ? "cut off at the length limit" : null, !given.tokens[i] ? null : given.tokens[i] + " tokens", given.seconds[i] ? given.seconds[i] + " s in the model" : null].filter(Boolean).join(", ")));
}

function reply(data, text) {
  if (text === null) return el("p", { class: "hint" }, "none");
  if (typeof text === "string") return el("pre", { dir: "auto", tabindex: "0" }, text);
  const [head, left, tail] = text;
  return el("div", {}, el("p", { class: "note" }, `${left.toLocaleString("en")} characters are left out of the middle to keep this page small; samples.jsonl holds the whole reply.`),
    el("pre", { dir: "auto", tabindex: "0" }, head, el("mark", {}, ` \u2026 ${left.toLocaleString("en")} characters \u2026 `), tail));
}

function noVideo(gone) {
  if (gone) return el("p", { class: "warning", role: "status" }, "This browser cannot play the file, or the file is not where the page was written.");
  return el("p", { class: "hint" }, "This page has no link to the video: no file was at hand, or the file lies in another folder tree. ", el("code", {}, "harness view RUN --videos DIR"), " links it.");
}

// A player that stops where the moment ends, and frames to choose from. Where the file cannot be played, the sample is drawn
// again without them.
function videoOf(data, i, lanes, open) {
  const url = data.videos.url[data.samples.video[i]];
  if (!url) return null;
  const from = data.samples.from_s?.[i] ?? 0, duration = data.samples.duration_s[i];
  const film = el("video", { controls: true, preload: "auto", playsinline: true, src: url + "#t=" + from, "aria-label": "video" });
  let stop = null;
  const go = (time) => { film.currentTime = from + time; stop = null; };
  film.addEventListener("error", () => {
    data.videos.url[data.samples.video[i]] = GONE;
    if (film.isConnected) open(i);
  });
  film.addEventListener("timeupdate", () => { if (stop !== null && film.currentTime >= stop) { film.pause(); stop = null; } });
  const play = (start, end) => {
    go(Math.max(0, Math.min(start, end)));
    stop = from + Math.max(start, end);
    // What cannot be played is told by its error; a play that the next one breaks off is none.
    film.play().catch(() => {});
  };
  const frames = duration ? frameStrip(url, from, duration, lanes, go) : null;
  // A line on a timeline shows where the player is; a click on the timeline goes there.
  const follow = (picture, end) => {
    const head = shape("line", { class: "playhead", y1: 0, y2: 1000, x1: 0, x2: 0, "aria-hidden": "true" });
    const move = () => { const time = String(Math.min(Math.max(film.currentTime - from, 0), end)); head.setAttribute("x1", time); head.setAttribute("x2", time); };
    const run = () => { move(); if (!film.paused && film.isConnected) requestAnimationFrame(run); };
    for (const name of ["play", "seeked", "pause"]) film.addEventListener(name, run);
    picture.addEventListener("click", (event) => { const box = picture.getBoundingClientRect(); go(((event.clientX - box.left) / box.width) * end); });
    picture.classList.add("seekable");
    picture.append(head);
    return picture;
  };
  return { place: el("div", {}, film, frames), play, follow };
}
