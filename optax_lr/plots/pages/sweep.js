// The page of a sweep: rows are chosen by their settings, and drawn as bands or one by one.
const MOST_SINGLE = 200, MOST_LISTED = 100, MOST_CHOSEN = 5, MANY_VALUES = 10, POINTS = 160;
const {groups, last, pastEnd, isWide} = SWEEP;

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

const steps = stepsUpTo(last, POINTS, true);

function rateOf(tree) {
  const rate = curveOf(tree), {end} = rate;
  if (pastEnd === "reference" || !Number.isFinite(end)) return rate;
  return pastEnd === "hold" ? step => rate(Math.min(step, end)) : step => step > end ? NaN : rate(step);
}

const rows = groups.flatMap(({tree, size, configs}) => Array.from({length: size}, (_, row) => {
  const own = valueOf(tree, row), config = configs[row] ?? configs[0], rate = rateOf(own), curve = Float64Array.from(steps, rate);
  const corner = warmupOf(own), atCorner = corner <= last ? rate(corner) : 0;  // the end of a warmup is rarely among the steps
  const peak = curve.reduce((most, value) => value > most ? value : most, atCorner > 0 ? atCorner : 0);
  return {settings: new Map([["config", config], ...settingsOf(own)]), rate, curve, peak};
}));
const inOrder = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? ""));
const columns = [...new Set(rows.flatMap(row => [...row.settings.keys()]))]
  .map(name => ({name, values: [...new Set(rows.map(row => row.settings.get(name)))].sort(inOrder)}))
  .filter(({values}) => values.filter(value => value !== undefined).length > 1);
const kinds = [...new Set(rows.map(row => row.settings.get("kind")))];

let allowed = new Map(), chosen = new Set(), step = Math.round(last / 4);
const wordOf = value => value === undefined ? "none" : value === null ? "not given" : typeof value === "number" ? shortest(value) : String(value);
const count = some => some.length.toLocaleString("en");
const kept = () => rows.filter(row => [...allowed].every(([name, values]) => values.has(row.settings.get(name))));
const chart = chartIn(byId("chart"), {read, redraw, lastStep: () => last});

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}
const scaled = (row, value) => byId("scale").value ? value / (row.peak || 1) : value;
const sortedAt = (some, place) => Float64Array.from(some.map(row => scaled(row, row.curve[place]))).filter(Number.isFinite).sort();

function bandsOf(some, number) {
  const columns = steps.map((_, place) => sortedAt(some, place)), colour = colourOf(number);
  const between = (...shares) => steps.map((at, place) => [at, ...shares.map(share => columns[place].length ? quantile(columns[place], share) : NaN)]);
  return {
    bands: [{curve: `${number} wide`, colour, opacity: 0.14, points: between(0.05, 0.95)}, {curve: `${number} narrow`, colour, opacity: 0.24, points: between(0.25, 0.75)}],
    median: {curve: `${number} median`, colour, width: 2, opacity: 1, points: between(0.5)},
  };
}

function redraw() {
  const some = kept(), single = byId("form").value === "curves" ? some.slice(0, MOST_SINGLE) : [];
  const kindOf = row => kinds.indexOf(row.settings.get("kind"));
  const byKind = kinds.map((_, number) => ({number, members: some.filter(row => kindOf(row) === number)})).filter(({members}) => members.length);
  const made = single.length ? [] : byKind.map(({number, members}) => bandsOf(members, number));
  const line = (row, number, width, opacity) => ({curve: `row ${rows.indexOf(row)} ${width}`, colour: colourOf(number), width, opacity,
    points: steps.map((at, place) => [at, scaled(row, row.curve[place])])});
  chart.draw({
    bands: made.flatMap(one => one.bands),
    curves: [...made.map(one => one.median), ...single.map(row => line(row, kindOf(row), 1, single.length > 30 ? 0.45 : 0.9)),
      ...[...chosen].map((row, place) => line(row, kinds.length + place, 2.8, 1))],
    last, ...looks(), ...(byId("scale").value && {titleY: "share of the peak"}),
  });
  byId("count").textContent = `${count(some)} of ${count(rows)} curves`;
  const ended = pastEnd === "nan" ? "; a run that has ended does not count" : "";
  const words = !single.length ? `Lines: medians. Bands: half and nine tenths of the curves, at each step by itself${ended}.`
    : some.length > single.length ? `The first ${single.length} of ${count(some)} are drawn.` : "";
  byId("legend").replaceChildren(...byKind.map(({number, members}) => el("span", {}, chip(number), `${kinds[number]} (${count(members)})`)), words);
  showRows(some);
  read(step, some);
}

function read(at, some = kept()) {
  if (!Number.isFinite(at)) return;
  step = Math.max(0, Math.min(last, at));
  const rates = row => scaled(row, row.rate(step)), numbers = Float64Array.from(some.map(rates)).filter(Number.isFinite).sort();
  const cell = value => el("td", {className: "number"}, Number.isFinite(value) ? shortest(value) : "");
  const marked = [...chosen].map((row, place) => ({row, number: kinds.length + place, rate: rates(row)}));
  byId("at").textContent = `at step ${step.toLocaleString("en")}`;
  byId("values").replaceChildren(
    el("tr", {}, el("td", {}, "chosen curves"), ...[0, 0.5, 1].map(share => cell(numbers.length ? quantile(numbers, share) : NaN))),
    ...marked.map(({row, number, rate}) => el("tr", {}, el("td", {}, chip(number), `row ${rows.indexOf(row) + 1}`), cell(NaN), cell(rate), cell(NaN))));
  chart.point(step, marked.map(({number, rate}) => ({colour: colourOf(number), rate})));
}

function showRows(some) {
  const listed = [...new Set([...chosen, ...some])].slice(0, MOST_LISTED);
  const more = some.length > listed.length ? `The first ${listed.length} of ${count(some)} rows. ` : "";
  byId("rows-shown").textContent = `${more}Mark up to ${MOST_CHOSEN} rows to see their curves.`;
  const kindOfCell = name => ({className: typeof rows[0].settings.get(name) === "number" ? "number" : ""});
  const box = row => el("input", {type: "checkbox", checked: chosen.has(row), disabled: !chosen.has(row) && chosen.size >= MOST_CHOSEN,
    onchange: event => { event.target.checked ? chosen.add(row) : chosen.delete(row); redraw(); }});
  byId("rows").replaceChildren(
    el("thead", {}, el("tr", {}, el("th", {}, "row"), ...columns.map(({name}) => el("th", kindOfCell(name), name)), el("th", {className: "number"}, "peak"))),
    el("tbody", {}, ...listed.map(row => el("tr", {}, el("td", {}, el("label", {}, box(row), ` ${rows.indexOf(row) + 1}`)),
      ...columns.map(({name}) => el("td", kindOfCell(name), wordOf(row.settings.get(name)))), el("td", {className: "number"}, shortest(row.peak))))));
}

// A box for each of a few values or words; of many numbers, the lowest and the highest by sliders.
function filterOf({name, values}) {
  const numbers = values.filter(value => typeof value === "number").sort((a, b) => a - b), others = values.filter(value => value === undefined || value === null);
  const only = some => { allowed.set(name, new Set(some)); redraw(); };
  if (numbers.length <= MANY_VALUES || numbers.length + others.length < values.length) {
    const toggle = value => event => {
      const some = allowed.get(name) ?? new Set(values);
      event.target.checked ? some.add(value) : some.delete(value);
      only(some);
    };
    const box = value => el("input", {type: "checkbox", checked: true, ariaLabel: `${name} ${wordOf(value)}`, onchange: toggle(value)});
    return el("div", {className: "choices"}, ...values.map(value => el("label", {}, box(value), wordOf(value))));
  }
  const range = {from: 0, to: numbers.length - 1}, texts = {from: el("span", {}, wordOf(numbers[0])), to: el("span", {}, wordOf(numbers.at(-1)))};
  const slider = side => el("input", {type: "range", min: "0", max: String(numbers.length - 1), step: "1", value: String(range[side]), ariaLabel: `${name} ${side}`, oninput: event => {
    range[side] = side === "from" ? Math.min(Number(event.target.value), range.to) : Math.max(Number(event.target.value), range.from);
    event.target.value = String(range[side]);
    texts[side].textContent = wordOf(numbers[range[side]]);
    only([...numbers.slice(range.from, range.to + 1), ...others]);
  }});
  return el("div", {className: "between"}, "from", slider("from"), texts.from, "to", slider("to"), texts.to);
}

function showFilters() {
  byId("filters").replaceChildren(...columns.map(column => el("fieldset", {}, el("legend", {}, column.name), filterOf(column))));
}

for (const id of ["log-x", "log-y", "scale", "form"]) byId(id).addEventListener("input", redraw);
byId("all").addEventListener("click", () => { allowed = new Map(); showFilters(); redraw(); });
if (isWide) byId("log-y").value = "log";
showFilters();
redraw();
