// Controls for the settings of a schedule, which change its tree. `changed` is called for another value, `rebuilt` with the
// tree where the controls themselves must change.
const copyTree = tree => JSON.parse(JSON.stringify(tree));
const RUN = Object.values(KINDS)[0].example.max_steps;  // the length of the runs that are shown

// An example of another kind, with the settings that both have.
function asKind(kind, tree) {
  const made = copyTree(KINDS[kind].example), old = new Map(KINDS[tree.kind]?.fields.map(field => [field.name, field.type]));
  for (const {name, type} of KINDS[kind].fields)
    if (old.get(name) === type && ["rate", "count"].includes(type) && tree[name] !== null) made[name] = tree[name];
  return refusal(made) ? copyTree(KINDS[kind].example) : made;
}

function form(tree, path, changed, rebuilt) {
  const options = Object.keys(KINDS).map(name => el("option", {value: name, selected: name === tree.kind}, name));
  const pick = el("select", {ariaLabel: "kind of schedule", onchange: event => rebuilt(asKind(event.target.value, tree))}, ...options);
  return el("div", {}, el("p", {}, pick), el("p", {className: "soft"}, KINDS[tree.kind].summary),
    ...KINDS[tree.kind].fields.map(field => control(tree, field, path, changed, rebuilt)));
}

function control(tree, field, path, changed, rebuilt) {
  const {name, type} = field, title = `${path}${name}`, again = () => rebuilt(tree);
  const labelled = made => el("label", {className: "setting"}, el("span", {}, name), Object.assign(made, {className: "both", ariaLabel: title}));
  const inner = (value, legend, put) => el("fieldset", {}, el("legend", {}, legend),
    form(value, `${path}${legend} `, changed, made => { put(made); again(); }));
  if (type === "schedule") return inner(tree[name], name, made => { tree[name] = made; });
  if (type === "schedules") {
    const add = el("button", {type: "button", onclick: () => { grow(tree, name); again(); }}, "add a part");
    const remove = el("button", {type: "button", disabled: tree[name].length < 2,
      onclick: () => { tree[name].pop(); tree.boundaries?.pop(); again(); }}, "remove the last part");
    const parts = tree[name].map((value, place) => inner(value, `${name}[${place}]`, made => { tree[name][place] = made; }));
    return el("div", {}, ...parts, el("p", {className: "bar"}, add, remove));
  }
  if (type === "choice") {
    const options = field.among.map(value => el("option", {value: JSON.stringify(value), selected: value === tree[name]}, String(value)));
    return labelled(el("select", {onchange: event => { tree[name] = JSON.parse(event.target.value); changed(); }}, ...options));
  }
  if (type === "counts" || type === "numbers") return labelled(el("input", {type: "text", value: tree[name].join(", "), oninput: event => {
    tree[name] = event.target.value.split(",").filter(text => text.trim()).map(Number);
    changed();
  }}));
  return numeric(tree, field, title, changed, again);
}

function grow(tree, name) {
  tree[name].push(copyTree(tree[name].at(-1)));
  if (tree.boundaries) tree.boundaries.push((tree.boundaries.at(-1) ?? 0) + RUN / 5);
}

// A slider and a number. Rates go by powers of ten, with 0 at the left end.
function numeric(tree, field, title, changed, again) {
  const {name, type, optional} = field, start = tree[name], whole = type === "count";
  const give = event => {
    const usual = type === "rate" ? (tree.learning_rate ?? 1e-4) / 10 : Math.max(field.least ?? 0, RUN / 10);
    tree[name] = event.target.checked ? usual : null;
    again();
  };
  const given = () => el("input", {type: "checkbox", checked: start !== null, ariaLabel: `give ${title}`, onchange: give});
  const label = optional ? el("label", {className: "given"}, given(), el("span", {}, name)) : el("span", {}, name);
  if (start === null) return el("div", {className: "setting"}, label, el("span", {className: "both soft"}, "not given"));
  const {to, from} = type === "rate" ? powers(start) : evenly(field, start, whole);
  const number = el("input", {type: "number", step: whole ? "1" : "any", value: String(start), ariaLabel: title});
  const slider = el("input", {type: "range", min: "0", max: "1", step: "0.001", value: String(from(start)), ariaLabel: `${title}, by a slider`});
  slider.addEventListener("input", () => {
    const value = to(Number(slider.value));
    tree[name] = value <= field.above ? to(0.001) : value;
    number.value = String(tree[name]);
    changed();
  });
  number.addEventListener("input", () => {
    tree[name] = number.value === "" ? NaN : Number(number.value);
    slider.value = String(from(tree[name]));
    changed();
  });
  return el("div", {className: "setting"}, label, slider, number);
}

// A slider's place, from 0 to 1, as a value, and back.
function powers(start) {
  const low = -8, high = Math.max(0, Math.ceil(Math.log10(start || 1)));
  return {to: place => place <= 0 ? 0 : Number((10 ** (low + (high - low) * place)).toPrecision(3)),
    from: value => value > 0 ? Math.max(0.001, (Math.log10(value) - low) / (high - low)) : 0};
}

function evenly({name, type, least, above, most, below}, start, whole) {
  const usual = whole ? Math.max(2 * Math.abs(start), /cycl|mult|stair|ahead/i.test(name) ? 10 : RUN) : Math.max(2, 2 * start);
  const floor = least ?? above ?? (type === "number" ? Math.min(0, 2 * start) : 0), span = (most ?? below ?? usual) - floor;
  const to = place => whole ? Math.round(floor + span * place) : Number((floor + span * place).toPrecision(4));
  return {to, from: value => (value - floor) / span};
}
