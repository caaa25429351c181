// What is drawn of a schedule: its rates, its warmup and its end. A schedule is a tree, as schedule.to_dict() makes it.
const structure = tree => JSON.stringify(KINDS[tree.kind].fields.map(({name, type}) =>
  Array.isArray(tree[name]) ? tree[name].length : type === "choice" || tree[name] === null ? tree[name] : true));

// step => rate, with the step at which it ends, or NaN, as its `end`.
function curveOf(tree) {
  if (tree.kind === "Sampled") return sampled(tree);
  const {fields, functions} = KINDS[tree.kind], found = functions[structure(tree)];
  if (!found) throw new Error(`${tree.kind}: a page has no function for lists of this length`);
  const part = value => value === null ? [] : Array.isArray(value) ? value.flatMap(part)
    : typeof value === "object" ? [curveOf(value)] : [value];
  const settings = fields.filter(field => field.type !== "choice").flatMap(field => part(tree[field.name]));
  const rate = step => found[0](step, ...settings);
  rate.end = found[1] ? found[1](...settings) : NaN;
  return rate;
}

// A user's own function, by a line between the steps that Python computed; unknown past the last of them.
function sampled({steps, rates, end}) {
  const rate = step => {
    const after = steps.findIndex(at => at >= step);
    if (after <= 0) return after ? NaN : rates[0];
    const share = (step - steps[after - 1]) / (steps[after] - steps[after - 1]);
    return rates[after - 1] + share * (rates[after] - rates[after - 1]);
  };
  rate.end = end ?? NaN;
  return rate;
}

// The steps of the warmup; undefined where the tree does not say it.
function warmupOf(tree) {
  if (tree.warmup_steps !== undefined) return tree.warmup_steps;
  if (["Scaled", "HoldAfter", "JaggedRestarts"].includes(tree.kind)) return warmupOf(tree.schedule);
  return tree.kind === "Stages" ? warmupOf(tree.schedules[0]) : undefined;
}

// Why Python would refuse the settings; empty where it would not.
function refusal(tree) {
  for (const {name, type, optional, least, above, most, below} of KINDS[tree.kind]?.fields ?? []) {
    const value = tree[name];
    if (value === null) { if (!optional) return `${name} is not given`; continue; }
    for (const item of type === "choice" ? [] : [value].flat()) {
      const isSchedule = type.startsWith("schedule"), why = isSchedule && refusal(item);
      if (why) return `${item.kind}: ${why}`;
      if (isSchedule) continue;
      if (!Number.isFinite(item)) return `${name} must be a number`;
      if (["count", "counts"].includes(type) && !Number.isInteger(item)) return `${name} must be whole`;
      const floor = least ?? (type === "number" || type === "numbers" ? -Infinity : 0);
      if (item < floor) return `${name} must be at least ${floor}`;
      if (item <= above) return `${name} must be above ${above}`;
      if (item > most) return `${name} must be at most ${most}`;
      if (item >= below) return `${name} must be below ${below}`;
    }
  }
  const {kind, boundaries} = tree;
  if (boundaries?.some((step, place) => place && step <= boundaries[place - 1])) return "boundaries must rise";
  const items = {Stages: tree.schedules, PiecewiseConstant: tree.factors}[kind];
  if (items && items.length !== boundaries.length + 1) return `${items.length} parts need ${items.length - 1} boundaries`;
  if (kind === "Polynomial" && tree.min_lr >= tree.learning_rate) return "min_lr must be below learning_rate";
  if (kind === "WarmupStableDecay" && tree.max_steps === null && tree.stable_steps === null)
    return "max_steps or stable_steps must be given";
  return "";
}

function shortest(number) {
  return number === 0 ? "0" : Math.abs(number) >= 0.01 && Math.abs(number) < 1e6
    ? String(Number(number.toPrecision(5))) : number.toExponential(4).replace(/\.?0+e/, "e");
}

// About `many` steps up to the last; on a logarithmic axis as many more, close together where it is wide.
function stepsUpTo(last, many, logX, corners = []) {
  const places = Array.from({length: many + 1}, (_, place) => place / many);
  const steps = [...corners, ...places.map(place => last * place), ...(logX ? places.map(place => last ** place) : [])];
  return [...new Set(steps.map(Math.round))].filter(step => step >= 0 && step <= last).sort((a, b) => a - b);
}
