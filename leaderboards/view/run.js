// The page of a run, or of two side by side.
const SETTLED_MS = 300;
const addressOf = (id) => "#" + encodeURIComponent(id);

show((data, page) => {
  const series = seriesOf(data);
  const place = el("aside", { id: "detail", tabindex: "-1", "aria-label": "Details of the chosen sample" });
  let later = null;
  const samples = sampleTable(data, series, (i) => {
    // A browser has players for few videos: that of the last sample is given back.
    const last = place.querySelector("video");
    last?.removeAttribute("src");
    last?.load();
    stopFrames();
    place.replaceChildren(...detail(data, series, i).filter(Boolean));
    // Browsers refuse to change the address often.
    clearTimeout(later);
    // In the cell of a notebook the page has no address of its own.
    if (location.protocol === "about:") return;
    later = setTimeout(() => history.replaceState(null, "", addressOf(data.samples.id[i])), SETTLED_MS);
  });
  const parts = [scores(data), section("Samples", el("div", { class: "browse" }, samples.place, place)), ...summary(data), training(data)];
  page.append(...parts.filter(Boolean));
  samples.start(data.samples.id.findIndex((id) => addressOf(id) === location.hash));
});
