// The page of a sweep: rows are chosen by their settings, and drawn as bands or one by one.
const MOST_SINGLE = 200, MOST_LISTED = 100, MANY_VALUES = 10, POINTS = 160;
const {groups, last, past_end: pastEnd} = SWEEP;

// A value of a row: a setting that differs between rows is written as {rows: [...]}.
function valueOf(value, row) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(item => valueOf(item, row));
  if ("rows" in value) return value.rows[row];
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, valueOf(item, row)]));
}

function settingsOf(tree, path = "") {
  return Object.entries(tree).flatMap(([name, value]) => {
    const own = `${path}${name}`;
    if (Array.isArray(value)) return value.flatMap((item, place) => settingsOf({[`${name}[${place}]`]: item}, path));
    return value !== null && typeof value === "object" ? settingsOf(value, `${own}.`) : [[own, value]];
  });
}

const steps = [...new Set(Array.from({length: POINTS + 1}, (_, place) => Math.round(last * place / POINTS))
  .concat(Array.from({length: POINTS / 2}, (_, place) => Math.round(last ** (2 * place / POINTS)))))].filter(step => step <= last).sort((a, b) => a - b);

function rateOf(tree) {
  const rate = curveOf(tree), {end} = rate;
  if (pastEnd === "reference" || !Number.isFinite(end)) return rate;
  return pastEnd === "hold" ? step => rate(Math.min(step, end)) : step => step > end ? NaN : rate(step);
}

const rows = groups.flatMap(({tree, size, configs}) => Array.from({length: size}, (_, row) => {
  const own = valueOf(tree, row), rate = rateOf(own), curve = Float64Array.from(steps, rate);
  const corner = warmupOf(own), atCorner = corner <= last ? rate(corner) : 0;  // the end of a warmup is rarely among the steps
  const peak = curve.reduce((most, value) => value > most ? value : most, atCorner > 0 ? atCorner : 0);
  return {config: configs[row] ?? configs[0], settings: new Map([["config", configs[row] ?? configs[0]], ...settingsOf(own)]), rate, curve, peak};
}));
const names = [...new Set(rows.flatMap(row => [...row.settings.keys()]))];
const columns = names.map(name => ({name, values: [...new Set(rows.map(row => row.settings.get(name)))]}))
  .filter(({values}) => values.filter(value => value !== undefined).length > 1);
for (const {values} of columns) values.sort((a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? "")));
const kinds = [...new Set(rows.map(row => row.settings.get("kind")))];

let allowed = new Map(), chosen = new Set(), step = Math.round(last / 4);
const wordOf = value => value === undefined ? "none" : value === null ? "not given" : typeof value === "number" ? shortest(value) : String(value);
const kept = () => rows.filter(row => [...allowed].every(([name, values]) => values.has(row.settings.get(name))));
const chart = chartIn(byId("chart"), read);

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}
const scaled = (row, value) => byId("scale").value ? value / (row.peak || 1) : value;
const sortedAt = (some, place) => Float64Array.from(some.map(row => scaled(row, row.curve[place]))).filter(Number.isFinite).sort();

function bandsOf(some, number) {
  const columns = steps.map((_, place) => sortedAt(some, place));
  const between = (low, high) => steps.map((at, place) => columns[place].length ? [at, quantile(columns[place], low), quantile(columns[place], high)] : [at, NaN, NaN]);
  const colour = colourOf(number);
  return {
    bands: [{curve: `${number} wide`, colour, opacity: 0.14, points: between(0.05, 0.95)}, {curve: `${number} narrow`, colour, opacity: 0.24, points: between(0.25, 0.75)}],
    median: {curve: `${number} median`, colour, width: 2, opacity: 1, points: between(0.5, 0.5)},
  };
}

function redraw() {
  const some = kept(), single = byId("form").value === "curves" ? some.slice(0, MOST_SINGLE) : [];
  const byKind = kinds.map((kind, number) => [number, some.filter(row => row.settings.get("kind") === kind)]).filter(([, members]) => members.length);
  const made = single.length ? [] : byKind.map(([number, members]) => bandsOf(members, number));
  const line = (row, look) => ({curve: `row ${rows.indexOf(row)} ${look.width}`, points: steps.map((at, place) => [at, scaled(row, row.curve[place])]), ...look});
  chart.draw({
    bands: made.flatMap(one => one.bands),
    curves: [...made.map(one => one.median),
      ...single.map(row => line(row, {colour: colourOf(kinds.indexOf(row.settings.get("kind"))), width: 1, opacity: single.length > 30 ? 0.45 : 0.9})),
      ...[...chosen].map((row, place) => line(row, {colour: colourOf(kinds.length + place), width: 2.8, opacity: 1}))],
    last, logX: byId("log-x").value === "log", logY: byId("log-y").value === "log", titleY: byId("scale").value ? "share of the peak" : "learning rate",
  });
  byId("count").textContent = `${some.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} curves`;
  byId("legend").replaceChildren(...byKind.map(([number, members]) => el("span", {}, chip({number}), `${kinds[number]} (${members.length.toLocaleString("en")})`)),
    single.length ? (some.length > single.length ? `The first ${single.length} of ${some.length.toLocaleString("en")} are drawn.` : "")
      : `Lines: medians. Bands: half and nine tenths of the curves, at each step by itself${pastEnd === "nan" ? "; a run that has ended does not count" : ""}.`);
  showRows(some);
  read(step, some);
}

function read(at, some = kept()) {
  if (!Number.isFinite(at)) return;
  step = Math.max(0, Math.min(last, at));
  const rates = row => scaled(row, row.rate(step)), numbers = Float64Array.from(some.map(rates)).filter(Number.isFinite).sort();
  byId("at").textContent = `at step ${step.toLocaleString("en")}`;
  const line = (title, ...values) => el("tr", {}, el("td", {}, ...title), ...values.map(value => el("td", {class: "number"}, Number.isFinite(value) ? shortest(value) : "")));
  byId("values").replaceChildren(line(["chosen curves"], ...(numbers.length ? [0, 0.5, 1].map(share => quantile(numbers, share)) : [NaN, NaN, NaN])),
    ...[...chosen].map((row, place) => line([chip({number: kinds.length + place}), `row ${rows.indexOf(row) + 1}`], NaN, rates(row), NaN)));
  chart.point(step, [...chosen].map((row, place) => ({colour: colourOf(kinds.length + place), rate: rates(row)})).filter(dot => Number.isFinite(dot.rate)));
}

function showRows(some) {
  const listed = [...new Set([...chosen, ...some])].slice(0, MOST_LISTED);
  byId("rows-shown").textContent = some.length > listed.length
    ? `The first ${listed.length} of ${some.length.toLocaleString("en")} rows. Mark up to 5 to see their curves.` : "Mark up to 5 rows to see their curves.";
  const numeric = name => typeof rows[0].settings.get(name) === "number" ? "number" : "";
  byId("rows").replaceChildren(
    el("thead", {}, el("tr", {}, el("th", {}, "row"), ...columns.map(({name}) => el("th", {class: numeric(name)}, name)), el("th", {class: "number"}, "peak"))),
    el("tbody", {}, ...listed.map(row => el("tr", {}, el("td", {}, el("label", {}, el("input", {type: "checkbox", checked: chosen.has(row), disabled: !chosen.has(row) && chosen.size >= 5,
      onchange: event => { event.target.checked ? chosen.add(row) : chosen.delete(row); redraw(); }}), ` ${rows.indexOf(row) + 1}`)),
      ...columns.map(({name}) => el("td", {class: numeric(name)}, wordOf(row.settings.get(name)))), el("td", {class: "number"}, shortest(row.peak))))));
}

function showFilters() {
  byId("filters").replaceChildren(...columns.map(({name, values}) => {
    const numbers = values.filter(value => typeof value === "number").sort((a, b) => a - b), others = values.filter(value => value === undefined || value === null);
    const only = some => { allowed.set(name, new Set(some)); redraw(); };
    if (numbers.length <= MANY_VALUES || numbers.length + others.length < values.length)
      return el("fieldset", {}, el("legend", {}, name), el("div", {class: "choices"}, ...values.map(value => el("label", {}, el("input", {type: "checkbox", checked: true, ariaLabel: `${name} ${wordOf(value)}`, onchange: event => {
        const some = allowed.get(name) ?? new Set(values);
        event.target.checked ? some.add(value) : some.delete(value);
        only(some);
      }}), wordOf(value)))));
    const range = {from: 0, to: numbers.length - 1}, texts = {from: el("span", {}, wordOf(numbers[0])), to: el("span", {}, wordOf(numbers.at(-1)))};
    const slider = side => el("input", {type: "range", min: "0", max: String(numbers.length - 1), step: "1", value: String(range[side]), ariaLabel: `${name} ${side}`, oninput: event => {
      range[side] = side === "from" ? Math.min(Number(event.target.value), range.to) : Math.max(Number(event.target.value), range.from);
      event.target.value = String(range[side]);
      texts[side].textContent = wordOf(numbers[range[side]]);
      only([...numbers.slice(range.from, range.to + 1), ...others]);
    }});
    return el("fieldset", {}, el("legend", {}, name), el("div", {class: "between"}, "from", slider("from"), texts.from, "to", slider("to"), texts.to));
  }));
}

for (const id of ["log-x", "log-y", "scale", "form"]) byId(id).addEventListener("input", redraw);
byId("all").addEventListener("click", () => { allowed = new Map(); showFilters(); redraw(); });
onArrows(() => last, () => step, read);
onChange(redraw);
const peaks = rows.map(row => row.peak).filter(peak => peak > 0).sort((a, b) => a - b);
if (peaks.length && peaks.at(-1) > 20 * peaks[0]) byId("log-y").value = "log";
showFilters();
redraw();
