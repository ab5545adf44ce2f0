// Frames of a video, drawn one after the other from a player that nobody sees: the one on the page keeps its place.
const FRAMES = 10, FRAME_PX = 160, LONG_S = 60, LEAST_S = 10;
let stopFrames = () => {};

// From where to where frames are shown: all of the video, of a long one what surrounds the true moments and the answers.
function frameWindow(duration, lanes) {
  const times = lanes.flatMap((lane) => lane.spans.flat()).filter((time) => time !== null).map((time) => Math.min(Math.max(time, 0), duration));
  if (duration <= LONG_S || !times.length) return [0, duration];
  const low = Math.min(...times), high = Math.max(...times), margin = Math.max((high - low) / 4, LEAST_S / 2);
  return [Math.max(low - margin, 0), Math.min(high + margin, duration)];
}

// `go` is told the time of a frame that is chosen. Where the file cannot be played, no frame is left.
function frameStrip(url, from, duration, lanes, go) {
  const [low, high] = frameWindow(duration, lanes);
  const times = Array.from({ length: FRAMES }, (_, k) => low + ((k + 0.5) / FRAMES) * (high - low));
  const canvases = times.map(() => el("canvas", { width: FRAME_PX, height: FRAME_PX, "aria-hidden": "true" }));
  const marks = (time) => lanes.filter((lane) => lane.spans.some(([a, b]) => a !== null && b !== null && Math.min(a, b) <= time && time <= Math.max(a, b)))
    .map((lane) => el("span", { class: "moment " + lane.css }, lane.name));
  const place = el("ul", { class: "frames", "aria-label": `Frames from ${seconds(low)} to ${seconds(high)} s; choose one to go there` },
    ...times.map((time, k) => el("li", {}, el("button", { type: "button", onclick: () => go(time) }, canvases[k], el("span", {}, seconds(time) + " s"), ...marks(time)))));
  const film = el("video", { muted: true, preload: "auto", playsinline: true });
  const release = () => { film.removeAttribute("src"); film.load(); };
  const fail = () => { release(); place.remove(); };
  let drawn = 0;
  const next = () => { if (drawn < FRAMES) film.currentTime = from + times[drawn]; else release(); };
  film.addEventListener("loadeddata", () => {
    if (!film.videoWidth) return fail();
    for (const canvas of canvases) canvas.height = Math.round(FRAME_PX * film.videoHeight / film.videoWidth);
    next();
  });
  // A browser may tell of a seek a moment before its frame can be drawn.
  film.addEventListener("seeked", () => requestAnimationFrame(() => {
    const canvas = canvases[drawn++];
    canvas.getContext("2d").drawImage(film, 0, 0, canvas.width, canvas.height);
    next();
  }));
  film.addEventListener("error", fail);
  // Who goes through the samples quickly opens no video.
  const later = setTimeout(() => { film.src = url; }, SETTLED_MS);
  stopFrames = () => { clearTimeout(later); release(); };
  return place;
}
