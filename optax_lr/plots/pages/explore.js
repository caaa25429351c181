// The page: a list of schedules, the settings of one of them, the chart, and copies.
const MOST_CURVES = ON_LIGHT.length;
let entries = ENTRIES.map((entry, place) => ({...entry, number: place}));
let drawn = [], selected = 0, target = Object.keys(COPIES)[0], step = null;
const chart = chartIn(byId("chart"), read);

function entryOf(kind) {
  const free = ON_LIGHT.findIndex((_, number) => !entries.some(entry => entry.number === number));
  return {name: null, tree: copyTree(KINDS[kind].example), number: free};
}
const nameOf = entry => entry.name ?? entry.tree.kind;
function namesOf() {
  const names = entries.map(nameOf);
  return names.map((name, place) => names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${place + 1})`);
}

// The curves that can be drawn; the others keep what Python would refuse as their `why`.
function curves() {
  return entries.map(entry => {
    let why = refusal(entry.tree), rate = null;
    if (!why) try { rate = curveOf(entry.tree); } catch (error) { why = error.message; }
    return {...entry, why, rate, colour: colourOf(entry.number)};
  });
}
const lastShown = () => Math.max(1, Math.min(2 ** 31 - 1, Math.round(Number(byId("last").value)) || 1));
const endOf = ({rate, max_steps, edited}) => edited && Number.isFinite(rate.end) ? rate.end : max_steps ?? rate.end;
const warmupFor = ({edited, warmup_steps, tree}) => (edited ? undefined : warmup_steps) ?? warmupOf(tree);

function pointsOf({rate, tree, ...entry}, last, logX) {
  const many = 800, steps = new Set([0, last]);
  for (let place = 0; place <= many; place++) {
    steps.add(Math.round(last * place / many));
    if (logX) steps.add(Math.round(last ** (place / many)));
  }
  for (const corner of [warmupFor({tree, ...entry}), endOf({rate, ...entry})])
    if (corner >= 0 && corner <= last) for (const near of [-1, 0, 1]) steps.add(Math.max(0, Math.round(corner) + near));
  return withExtremes([...steps].sort((a, b) => a - b).filter(at => at <= last).map(at => [at, rate(at)]), rate);
}

// Between two points up to 7 more steps are computed, and kept where the rate leaves the range of the two: no peak is cut.
function withExtremes(points, rate) {
  return points.flatMap(([step, value], place) => {
    const [next, after] = points[place + 1] ?? [step, value], parts = Math.min(8, next - step), kept = [[step, value]];
    for (let part = 1; part < parts; part++) {
      const between = Math.round(step + (next - step) * part / parts), found = rate(between);
      if (found > Math.max(value, after) || found < Math.min(value, after)) kept.push([between, found]);
    }
    return kept;
  });
}

function marksOf(last, logX) {
  const one = drawn[selected], width = byId("chart").clientWidth;
  const across = at => logX ? Math.log(Math.max(at, 1)) / Math.log(last) : at / last;
  return drawn.filter(entry => entry.rate).flatMap(entry => {
    const end = endOf(entry), warmup = warmupFor(entry), mine = entry === one, marks = [];
    const rule = (at, label, more) => marks.push({step: at, colour: entry.colour, label: mine ? label : "", align: "left", offset: 3, ...more});
    if (warmup > 0) rule(warmup, end - warmup > 0 && (across(end) - across(warmup)) * width < 90 ? "" : "warmup ends", {dash: [2, 3], shade: false});
    if (end >= 0) rule(end, (1 - across(end)) * width > 110 ? "end, and past it" : "end", {dash: [6, 3], shade: mine,
      ...((1 - across(end)) * width <= 110 && {align: "right", offset: -3})});
    return marks;
  });
}

function redraw() {
  const last = lastShown(), logX = byId("log-x").value === "log", logY = byId("log-y").value === "log";
  drawn = curves().map(entry => ({...entry, points: entry.rate ? pointsOf(entry, last, logX) : []}));
  chart.draw({
    curves: drawn.filter(entry => entry.rate).map(entry => ({curve: entry.number, colour: entry.colour,
      width: entry === drawn[selected] ? 2.6 : 1.8, opacity: 1, points: entry.points})),
    marks: marksOf(last, logX), last, logX, logY,
  });
  byId("refused").textContent = drawn[selected]?.why ? `Not drawn: ${drawn[selected].why}.` : "";
  read(step ?? Math.round(last / 4));
  showCopy();
}

function read(at) {
  if (!Number.isFinite(at)) return;
  const last = lastShown(), names = namesOf();
  step = Math.max(0, Math.min(last, at));
  const rates = drawn.map(entry => entry.rate ? entry.rate(step) : NaN);
  chart.point(step, drawn.map((entry, place) => ({colour: entry.colour, rate: rates[place]})).filter(dot => Number.isFinite(dot.rate)));
  byId("at").textContent = `at step ${step.toLocaleString("en")}`;
  byId("values").replaceChildren(...drawn.map((entry, place) => {
    const most = entry.points.reduce((top, point) => point[1] > top ? point[1] : top, 0);
    return el("tr", {}, el("td", {}, chip(entry), names[place], entry.tree.kind === "Sampled" ? " (sampled)" : ""),
      el("td", {class: "number"}, Number.isFinite(rates[place]) ? shortest(rates[place]) : entry.rate ? "unknown" : "not drawn"),
      el("td", {class: "number"}, most > 0 && Number.isFinite(rates[place]) ? `${(100 * rates[place] / most).toFixed(1)}%` : ""));
  }));
}

function showList() {
  const names = namesOf();
  byId("curves").replaceChildren(...entries.map((entry, place) => el("li", {},
    el("button", {type: "button", class: "pick", ariaPressed: String(place === selected), onclick: () => { selected = place; showAll(); }}, chip(entry), names[place]),
    el("button", {type: "button", ariaLabel: `remove ${names[place]}`, onclick: () => {
      entries.splice(place, 1);
      selected = Math.max(0, Math.min(selected, entries.length - 1));
      showAll();
    }}, "remove"))));
  byId("add").disabled = entries.length >= MOST_CURVES;
}

function showSettings() {
  const entry = entries[selected];
  if (!entry) { byId("settings").replaceChildren(el("p", {class: "soft"}, "No schedule is shown.")); return; }
  const changed = () => { entry.edited = true; redraw(); };
  const rebuilt = tree => { 
    if (tree.kind !== entry.tree.kind) entry.name = null;
    Object.assign(entry, {tree, edited: true});
    showAll();
  };
  byId("settings").replaceChildren(entry.tree.kind === "Sampled"
    ? el("p", {class: "soft"}, `A function of Python: the curve is sampled at ${entry.tree.steps.length.toLocaleString("en")} steps up to ${entry.tree.steps.at(-1).toLocaleString("en")}, and has no settings here.`)
    : form(entry.tree, "", changed, rebuilt));
}

function showCopy() {
  const entry = entries[selected], found = entry ? copyOf(target, entry.tree) : {cannot: "No schedule is shown."};
  byId("copy").textContent = found.text ?? found.cannot;
  byId("copy").className = found.text ? "" : "soft";
  byId("do-copy").hidden = !found.text;
}

function showConfig() {
  const {facts, findings, edited} = entries[selected] ?? {};
  const place = byId("config");
  if (!facts) { place.replaceChildren(); return; }
  const list = findings.map(found => el("li", {class: found.severity}, el("span", {class: "tone"}, `${found.code} ${found.severity}`), ` ${found.title}`,
    el("p", {}, found.line ? `Line ${found.line}: ${found.message}` : found.message), found.remedy ? el("p", {}, el("strong", {}, "Remedy: "), found.remedy) : null));
  place.replaceChildren(...el("div", {}, el("h2", {}, `The plan of ${nameOf(entries[selected])}`),
    el("table", {}, el("tbody", {}, ...facts.map(([name, text]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, text))))),
    el("h2", {}, "Findings"), edited ? el("p", {class: "soft"}, "These concern the file, not the settings as you have changed them.") : null,
    findings.length ? el("ul", {class: "findings"}, ...list) : el("p", {class: "soft"}, "No problems found in the file.")).childNodes);
}

function showAll() { showList(); showSettings(); redraw(); showConfig(); }

for (const name of Object.keys(COPIES))
  byId("targets").append(el("label", {}, el("input", {type: "radio", name: "target", value: name, checked: name === target,
    onchange: () => { target = name; showCopy(); }}), name));
byId("do-copy").addEventListener("click", event => {
  const done = () => { event.target.textContent = "copied"; setTimeout(() => { event.target.textContent = "copy"; }, 1500); };
  getSelection().selectAllChildren(byId("copy"));
  navigator.clipboard ? navigator.clipboard.writeText(byId("copy").textContent).then(done, () => document.execCommand("copy") && done()) : document.execCommand("copy") && done();
});
byId("save").addEventListener("click", async () => {
  const link = el("a", {download: "learning_rates.svg", href: `data:image/svg+xml,${encodeURIComponent(await chart.picture())}`});
  link.click();
});
byId("add").addEventListener("click", () => { entries.push(entryOf(entries.length % 2 ? "Linear" : "Cosine")); selected = entries.length - 1; showAll(); });
for (const id of ["log-x", "log-y", "last"]) byId(id).addEventListener("input", redraw);
onArrows(lastShown, () => step, read);
onChange(showAll);

// Such as explore.html#Cosine; only the name of a kind is taken.
function openHash() {
  const kind = location.hash.slice(1);
  if (Object.hasOwn(KINDS, kind)) { entries = []; entries.push(entryOf(kind)); selected = 0; }
}
openHash();
addEventListener("hashchange", () => { openHash(); showAll(); });
byId("last").value = String(Math.ceil(1.15 * curves().reduce((most, entry) => Math.max(most, (entry.rate && endOf(entry)) || 0), 0)) || 1000);
showAll();
