// The page: a list of schedules, the settings of one of them, the chart, and copies.
let entries = ENTRIES.map((entry, place) => ({...entry, number: place}));
let drawn = [], selected = 0, target = Object.keys(COPIES)[0], step = null;
const chart = chartIn(byId("chart"), {read, redraw, lastStep: lastShown});

function entryOf(kind) {
  let number = 0;
  while (entries.some(entry => entry.number === number)) number++;
  return {name: null, tree: copyTree(KINDS[kind].example), number};
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
function lastShown() { return Math.max(1, Math.min(2 ** 31 - 1, Math.round(Number(byId("last").value)) || 1)); }
const endOf = ({rate, max_steps, edited}) => edited && Number.isFinite(rate.end) ? rate.end : max_steps ?? rate.end;
const warmupFor = ({edited, warmup_steps, tree}) => (edited ? undefined : warmup_steps) ?? warmupOf(tree);

function pointsOf({rate, tree, ...entry}, last, logX) {
  const corners = [warmupFor({tree, ...entry}), endOf({rate, ...entry})].filter(corner => corner >= 0);
  const steps = stepsUpTo(last, 800, logX, corners.flatMap(corner => [corner - 1, corner, corner + 1]));
  return withExtremes(steps.map(at => [at, rate(at)]), rate);
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
  const across = at => width * (logX ? Math.log(Math.max(at, 1)) / Math.log(last) : at / last);
  return drawn.filter(entry => entry.rate).flatMap(entry => {
    const end = endOf(entry), warmup = warmupFor(entry), mine = entry === one, marks = [], hasRoom = width - across(end) > 110;
    const rule = (at, label, more) => marks.push({step: at, colour: entry.colour, label: mine ? label : "", align: "left", offset: 3, ...more});
    if (warmup > 0) rule(warmup, end > warmup && across(end) - across(warmup) < (hasRoom ? 90 : 115) ? "" : "warmup ends", {dash: [2, 3], shade: false});
    if (end >= 0) rule(end, hasRoom ? "end, and past it" : "end", {dash: [6, 3], shade: mine, ...(!hasRoom && {align: "right", offset: -3})});
    return marks;
  });
}

function redraw() {
  const last = lastShown(), look = looks();
  drawn = curves().map(entry => ({...entry, points: entry.rate ? pointsOf(entry, last, look.logX) : []}));
  chart.draw({
    curves: drawn.filter(entry => entry.rate).map(entry => ({curve: entry.number, colour: entry.colour,
      width: entry === drawn[selected] ? 2.6 : 1.8, opacity: 1, points: entry.points})),
    marks: marksOf(last, look.logX), last, ...look,
  });
  byId("refused").textContent = drawn[selected]?.why ? `Not drawn: ${drawn[selected].why}.` : "";
  read(step ?? Math.round(last / 4));
  showCopy();
}

function read(at) {
  if (!Number.isFinite(at)) return;
  const names = namesOf();
  step = Math.max(0, Math.min(lastShown(), at));
  const rates = drawn.map(entry => entry.rate ? entry.rate(step) : NaN);
  chart.point(step, drawn.map((entry, place) => ({colour: entry.colour, rate: rates[place]})));
  byId("at").textContent = `at step ${step.toLocaleString("en")}`;
  byId("values").replaceChildren(...drawn.map((entry, place) => {
    const most = entry.points.reduce((top, point) => point[1] > top ? point[1] : top, 0), isKnown = Number.isFinite(rates[place]);
    return el("tr", {}, el("td", {}, chip(entry.number), names[place], entry.tree.kind === "Sampled" ? " (sampled)" : ""),
      el("td", {className: "number"}, isKnown ? shortest(rates[place]) : entry.rate ? "unknown" : "not drawn"),
      el("td", {className: "number"}, most > 0 && isKnown ? `${(100 * rates[place] / most).toFixed(1)}%` : ""));
  }));
}

function showList() {
  const names = namesOf();
  byId("curves").replaceChildren(...entries.map((entry, place) => el("li", {},
    el("button", {type: "button", className: "pick", ariaPressed: String(place === selected), onclick: () => { selected = place; showAll(); }}, chip(entry.number), names[place]),
    el("button", {type: "button", ariaLabel: `remove ${names[place]}`, onclick: () => {
      entries.splice(place, 1);
      selected = Math.max(0, Math.min(selected, entries.length - 1));
      showAll();
    }}, "remove"))));
  byId("add").disabled = entries.length >= MOST_CURVES;
}

function showSettings() {
  const entry = entries[selected];
  if (!entry) { byId("settings").replaceChildren(el("p", {className: "soft"}, "No schedule is shown.")); return; }
  const changed = () => { entry.edited = true; redraw(); };
  const rebuilt = tree => {
    if (tree.kind !== entry.tree.kind) entry.name = null;
    Object.assign(entry, {tree, edited: true});
    showAll();
  };
  byId("settings").replaceChildren(entry.tree.kind === "Sampled"
    ? el("p", {className: "soft"}, `A function of Python: the curve is sampled at ${entry.tree.steps.length.toLocaleString("en")} steps up to ${entry.tree.steps.at(-1).toLocaleString("en")}, and has no settings here.`)
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
  if (!facts) { byId("config").replaceChildren(); return; }
  const list = findings.map(({severity, code, title, line, message, remedy}) => el("li", {className: severity},
    el("span", {className: "tone"}, `${code} ${severity}`), ` ${title}`, el("p", {}, line ? `Line ${line}: ${message}` : message),
    remedy ? el("p", {}, el("strong", {}, "Remedy: "), remedy) : ""));
  byId("config").replaceChildren(el("h2", {}, `The plan of ${nameOf(entries[selected])}`),
    el("table", {}, el("tbody", {}, ...facts.map(([name, text]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, text))))),
    el("h2", {}, "Findings"), edited ? el("p", {className: "soft"}, "These concern the file, not the settings as you have changed them.") : "",
    findings.length ? el("ul", {className: "findings"}, ...list) : el("p", {className: "soft"}, "No problems found in the file."));
}

function showAll() { showList(); showSettings(); redraw(); showConfig(); }

for (const name of Object.keys(COPIES))
  byId("targets").append(el("label", {}, el("input", {type: "radio", name: "target", value: name, checked: name === target,
    onchange: () => { target = name; showCopy(); }}), name));
byId("save").addEventListener("click", async () => {
  el("a", {download: "learning_rates.svg", href: `data:image/svg+xml,${encodeURIComponent(await chart.picture())}`}).click();
});
byId("add").addEventListener("click", () => {
  selected = entries.push(entryOf(entries.length % 2 ? "Linear" : "Cosine")) - 1;
  showAll();
});
for (const id of ["log-x", "log-y", "last"]) byId(id).addEventListener("input", redraw);

// Such as explore.html#Cosine; only the name of a kind is taken.
function openHash() {
  const kind = location.hash.slice(1);
  if (!Object.hasOwn(KINDS, kind)) return;
  entries = [{name: null, tree: copyTree(KINDS[kind].example), number: 0}];
  selected = 0;
}
openHash();
addEventListener("hashchange", () => { openHash(); showAll(); });
byId("last").value = String(Math.ceil(1.15 * curves().reduce((most, entry) => Math.max(most, (entry.rate && endOf(entry)) || 0), 0)) || 1000);
showAll();
