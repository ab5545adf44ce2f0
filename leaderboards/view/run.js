// The page of a run, or of two side by side.
show((data, page) => {
  const series = seriesOf(data), asked = fromAddress();
  const place = el("aside", { id: "detail", tabindex: "-1", "aria-label": "Details of the chosen sample" });
  const samples = sampleTable(data, series, asked, (i) => {
    // A browser has players for few videos: that of the last sample is given back.
    const last = place.querySelector("video");
    last?.removeAttribute("src");
    last?.load();
    stopFrames();
    place.replaceChildren(...detail(data, series, i, samples.open).filter(Boolean));
    toAddress({ sample: data.samples.id[i] });
  });
  const parts = [scores(data), section("Samples", el("div", { class: "browse" }, samples.place, place)), ...summary(data), training(data)];
  page.append(...parts.filter(Boolean));
  samples.start(data.samples.id.indexOf(asked.sample));
});
