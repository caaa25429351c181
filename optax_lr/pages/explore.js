// The page: a list of schedules, the settings of one of them, the chart, and copies.
const copyTree = tree => JSON.parse(JSON.stringify(tree));
const MOST_CURVES = ON_LIGHT.length;
let entries = ENTRIES.map((entry, place) => ({...entry, number: place}));
let selected = 0, target = Object.keys(COPIES)[0], step = null;
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
  return [...steps].sort((a, b) => a - b).filter(at => at <= last).map(at => [at, rate(at)]);
}

function marksOf(drawn, last, logX) {
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
  const last = lastShown(), logX = byId("log-x").value === "log", logY = byId("log-y").value === "log", drawn = curves();
  chart.draw({
    curves: drawn.filter(entry => entry.rate).map(entry => ({curve: entry.number, colour: entry.colour,
      width: entry === drawn[selected] ? 2.6 : 1.8, opacity: 1, points: pointsOf(entry, last, logX)})),
    marks: marksOf(drawn, last, logX), last, logX, logY,
  });
  byId("refused").textContent = drawn[selected]?.why ? `Not drawn: ${drawn[selected].why}.` : "";
  read(step ?? Math.round(last / 4), drawn);
  showCopy();
}

function read(at, drawn = curves()) {
  if (!Number.isFinite(at)) return;
  const last = lastShown(), names = namesOf();
  step = Math.max(0, Math.min(last, at));
  const rates = drawn.map(entry => entry.rate ? entry.rate(step) : NaN);
  chart.point(step, drawn.map((entry, place) => ({colour: entry.colour, rate: rates[place]})).filter(dot => Number.isFinite(dot.rate)));
  byId("at").textContent = `at step ${step.toLocaleString("en")}`;
  byId("values").replaceChildren(...drawn.map((entry, place) => {
    const most = entry.rate ? pointsOf(entry, last, false).reduce((top, point) => Math.max(top, point[1]), 0) : NaN;
    return el("tr", {}, el("td", {}, chip(entry), names[place], entry.tree.kind === "Sampled" ? " (sampled)" : ""),
      el("td", {class: "number"}, entry.rate ? shortest(rates[place]) : "not drawn"),
      el("td", {class: "number"}, most > 0 ? `${(100 * rates[place] / most).toFixed(1)}%` : ""));
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

function kindPicker(kind, onPick) {
  const options = Object.keys(KINDS).map(name => el("option", {value: name, selected: name === kind}, name));
  return el("select", {ariaLabel: "kind of schedule", onchange: event => onPick(event.target.value)}, ...options);
}

// An example of another kind, with the settings that both have.
function asKind(kind, tree) {
  const made = copyTree(KINDS[kind].example), old = new Map(KINDS[tree.kind]?.fields.map(field => [field.name, field.type]));
  for (const {name, type} of KINDS[kind].fields)
    if (old.get(name) === type && ["rate", "count"].includes(type) && tree[name] !== null) made[name] = tree[name];
  return refusal(made) ? copyTree(KINDS[kind].example) : made;
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
    ? el("p", {class: "soft"}, `A function of Python: the curve is sampled at ${entry.tree.steps.length.toLocaleString("en")} steps, and has no settings here.`)
    : form(entry.tree, "", changed, rebuilt));
}

function form(tree, path, changed, rebuilt) {
  const summary = KINDS[tree.kind].summary;
  return el("div", {}, el("p", {}, kindPicker(tree.kind, kind => rebuilt(asKind(kind, tree)))), el("p", {class: "soft"}, summary),
    ...KINDS[tree.kind].fields.map(field => control(tree, field, path, changed, rebuilt)));
}

function control(tree, field, path, changed, rebuilt) {
  const {name, type} = field, again = () => rebuilt(tree);
  const inner = (value, title, put) => el("fieldset", {}, el("legend", {}, title), form(value, `${path}${title} `, changed, made => { put(made); again(); }));
  if (type === "schedule") return inner(tree[name], name, made => { tree[name] = made; });
  if (type === "schedules") return el("div", {}, ...tree[name].map((value, place) => inner(value, `${name}[${place}]`, made => { tree[name][place] = made; })),
    el("p", {class: "bar"}, el("button", {type: "button", onclick: () => { grow(tree, name); again(); }}, "add a part"),
      el("button", {type: "button", disabled: tree[name].length < 2, onclick: () => { tree[name].pop(); tree.boundaries?.pop(); again(); }}, "remove the last part")));
  const title = `${path}${name}`;
  if (type === "choice") {
    const options = field.among.map(value => el("option", {value: JSON.stringify(value), selected: value === tree[name]}, String(value)));
    return el("label", {class: "setting"}, el("span", {}, name), el("select", {class: "both", ariaLabel: title,
      onchange: event => { tree[name] = JSON.parse(event.target.value); changed(); }}, ...options));
  }
  if (type === "counts" || type === "numbers") return el("label", {class: "setting"}, el("span", {}, name), el("input", {type: "text", class: "both", ariaLabel: title,
    value: tree[name].join(", "), oninput: event => { tree[name] = event.target.value.split(",").filter(text => text.trim()).map(Number); changed(); }}));
  return numeric(tree, field, title, changed, again);
}

function grow(tree, name) {
  tree[name].push(copyTree(tree[name].at(-1)));
  if (tree.boundaries) tree.boundaries.push((tree.boundaries.at(-1) ?? 0) + 200);
}

// A slider and a number. Rates go by powers of ten, with 0 at the left end.
function numeric(tree, field, title, changed, again) {
  const {name, type, optional} = field, start = tree[name];
  const row = el("div", {class: "setting"});
  if (optional) row.append(el("label", {class: "given"}, el("input", {type: "checkbox", checked: start !== null, ariaLabel: `give ${title}`, onchange: event => {
    tree[name] = event.target.checked ? (type === "rate" ? 1e-5 : Math.max(field.least ?? 0, 100)) : null;
    again();
  }}), el("span", {}, name)));
  else row.append(el("span", {}, name));
  if (start === null) { row.append(el("span", {class: "both soft"}, "not given")); return row; }
  const whole = type === "count", floor = field.least ?? field.above ?? (type === "number" ? Math.min(0, 2 * start) : 0);
  const ceiling = field.most ?? field.below ?? (whole ? Math.max(2 * Math.abs(start), /cycl|mult|stair|ahead/i.test(name) ? 10 : 1000) : Math.max(2, 2 * start));
  const low = -8, high = Math.max(0, Math.ceil(Math.log10(start || 1)));
  const to = type === "rate" ? place => place <= 0 ? 0 : Number((10 ** (low + (high - low) * place)).toPrecision(3))
    : place => { const value = floor + (ceiling - floor) * place; return whole ? Math.round(value) : Number(value.toPrecision(4)); };
  const from = type === "rate" ? value => value > 0 ? Math.max(0.001, (Math.log10(value) - low) / (high - low)) : 0 : value => (value - floor) / (ceiling - floor);
  const number = el("input", {type: "number", step: whole ? "1" : "any", value: String(start), ariaLabel: title});
  const slider = el("input", {type: "range", min: "0", max: "1", step: "0.001", value: String(from(start)), ariaLabel: `${title}, by a slider`});
  slider.addEventListener("input", () => {
    let value = to(Number(slider.value));
    if (field.above !== undefined && value <= field.above) value = to(0.001);
    tree[name] = value;
    number.value = String(value);
    changed();
  });
  number.addEventListener("input", () => { tree[name] = number.value === "" ? NaN : Number(number.value); slider.value = String(from(tree[name])); changed(); });
  row.append(slider, number);
  return row;
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
