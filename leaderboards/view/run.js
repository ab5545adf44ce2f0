// The page of a run, or of two side by side.
show((data, page) => {
  const series = seriesOf(data);
  const place = el("aside", { id: "detail", tabindex: "-1", "aria-label": "Details of the chosen sample" });
  const samples = sampleTable(data, series, (i) => {
    place.replaceChildren(...detail(data, series, i).filter(Boolean));
    history.replaceState(null, "", "#" + encodeURIComponent(data.samples.id[i]));
  });
  const parts = [scores(data), section("Samples", el("div", { class: "browse" }, samples.place, place)), ...summary(data), training(data)];
  page.append(...parts.filter(Boolean));
  samples.start(decodeURIComponent(location.hash.slice(1)));
});
