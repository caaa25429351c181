// Controls for the settings of a schedule, which change its tree. `changed` is called for another value, `rebuilt` with the
// tree where the controls themselves must change.
const copyTree = tree => JSON.parse(JSON.stringify(tree));
const RUN = Object.values(KINDS)[0].example.max_steps;  // the length of the runs that are shown

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

function form(tree, path, changed, rebuilt) {
  const summary = KINDS[tree.kind].summary;
  return el("div", {}, el("p", {}, kindPicker(tree.kind, kind => rebuilt(asKind(kind, tree)))), el("p", {className: "soft"}, summary),
    ...KINDS[tree.kind].fields.map(field => control(tree, field, path, changed, rebuilt)));
}

function control(tree, field, path, changed, rebuilt) {
  const {name, type} = field, again = () => rebuilt(tree);
  const inner = (value, title, put) => el("fieldset", {}, el("legend", {}, title), form(value, `${path}${title} `, changed, made => { put(made); again(); }));
  if (type === "schedule") return inner(tree[name], name, made => { tree[name] = made; });
  if (type === "schedules") return el("div", {}, ...tree[name].map((value, place) => inner(value, `${name}[${place}]`, made => { tree[name][place] = made; })),
    el("p", {className: "bar"}, el("button", {type: "button", onclick: () => { grow(tree, name); again(); }}, "add a part"),
      el("button", {type: "button", disabled: tree[name].length < 2, onclick: () => { tree[name].pop(); tree.boundaries?.pop(); again(); }}, "remove the last part")));
  const title = `${path}${name}`;
  if (type === "choice") {
    const options = field.among.map(value => el("option", {value: JSON.stringify(value), selected: value === tree[name]}, String(value)));
    return el("label", {className: "setting"}, el("span", {}, name), el("select", {className: "both", ariaLabel: title,
      onchange: event => { tree[name] = JSON.parse(event.target.value); changed(); }}, ...options));
  }
  if (type === "counts" || type === "numbers") return el("label", {className: "setting"}, el("span", {}, name), el("input", {type: "text", className: "both", ariaLabel: title,
    value: tree[name].join(", "), oninput: event => { tree[name] = event.target.value.split(",").filter(text => text.trim()).map(Number); changed(); }}));
  return numeric(tree, field, title, changed, again);
}

function grow(tree, name) {
  tree[name].push(copyTree(tree[name].at(-1)));
  if (tree.boundaries) tree.boundaries.push((tree.boundaries.at(-1) ?? 0) + RUN / 5);
}

// A slider and a number. Rates go by powers of ten, with 0 at the left end.
function numeric(tree, field, title, changed, again) {
  const {name, type, optional} = field, start = tree[name];
  const row = el("div", {className: "setting"});
  if (optional) row.append(el("label", {className: "given"}, el("input", {type: "checkbox", checked: start !== null, ariaLabel: `give ${title}`, onchange: event => {
    tree[name] = event.target.checked ? (type === "rate" ? (tree.learning_rate ?? 1e-4) / 10 : Math.max(field.least ?? 0, RUN / 10)) : null;
    again();
  }}), el("span", {}, name)));
  else row.append(el("span", {}, name));
  if (start === null) { row.append(el("span", {className: "both soft"}, "not given")); return row; }
  const whole = type === "count", floor = field.least ?? field.above ?? (type === "number" ? Math.min(0, 2 * start) : 0);
  const ceiling = field.most ?? field.below ?? (whole ? Math.max(2 * Math.abs(start), /cycl|mult|stair|ahead/i.test(name) ? 10 : RUN) : Math.max(2, 2 * start));
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
