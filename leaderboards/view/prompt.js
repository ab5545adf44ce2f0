// The text that a sample was asked with, put together as the protocol does: in one pass, so that braces in a sentence stay.
const PLACES = /\{(?:query|queries|count|options)\}/g;

function promptText(data, question, mode, i) {
  const samples = data.samples, sentence = question.sentences?.[i] ?? samples.query[i];
  const several = question.queries?.[i] ?? [], queries = several.length ? several : [sentence];
  const said = {
    "{query}": sentence,
    "{queries}": queries.map((query, k) => `${k + 1}. ${query}`).join("\n"),
    "{count}": String(queries.length),
    "{options}": (samples.options?.[i] ?? []).map((option, k) => `(${letterOf(k)}) ${option}`).join("\n"),
  };
  return question.modes[mode].replace(PLACES, (place) => said[place]);
}

function prompt(data, question, mode, i) {
  const where = "user (" + (question.order === "video-text" ? "after" : "before") + " the video)";
  const parts = [question.system ? ["system", question.system] : null, [where, promptText(data, question, mode, i)], question.prefill ? ["start of the reply", question.prefill] : null];
  return el("dl", {}, ...parts.filter(Boolean).flatMap(([name, said]) => [el("dt", {}, name), el("dd", {}, el("pre", { dir: "auto" }, said))]));
}
