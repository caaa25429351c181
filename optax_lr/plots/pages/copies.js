// A schedule in the words of other libraries: {text}, or {cannot: why}.
const shortNumber = value => value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);

function pythonOf(value) {
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return shortNumber(value);
  if (value.kind === "Sampled") throw new Error("a function of Python is in it");
  const given = KINDS[value.kind].fields.filter(field => JSON.stringify(value[field.name]) !== JSON.stringify(field.default));
  return `olr.${value.kind}(${given.map(field => `${field.name}=${pythonOf(value[field.name])}`).join(", ")})`;
}

// A number that YAML reads as one: 1e-7 would be a text.
const yamlOf = value => typeof value === "number" ? shortNumber(value).replace(/^(-?\d+)e/, "$1.0e") : String(value);

function named(names, tree) {
  return names.map(name => `${name}=${pythonOf(tree[name])}`).join(", ");
}

function asPython(tree) {
  return {text: `import optax_lr as olr\n\nschedule = ${pythonOf(tree)}\n`};
}

const OF_TRANSFORMERS = {
  Constant: tree => [tree.warmup_steps ? "constant_with_warmup" : "constant", {}],
  Linear: tree => tree.min_lr ? "its linear schedule has no floor" : ["linear", {}],
  Cosine: ({min_lr, num_cycles}) => [min_lr ? "cosine_with_min_lr" : "cosine",
    {...(min_lr && {min_lr}), ...(num_cycles !== 0.5 && {num_cycles})}],
  CosineWithRestarts: ({num_cycles}) => ["cosine_with_restarts", {num_cycles}],
  CosineWarmupWithMinLR: ({learning_rate, min_lr, warmup_lr, num_cycles}) => ["cosine_warmup_with_min_lr",
    {min_lr, ...(warmup_lr !== null && {warmup_lr_rate: warmup_lr / learning_rate}), ...(num_cycles !== 0.5 && {num_cycles})}],
  Polynomial: ({power, min_lr}) => ["polynomial", {power, lr_end: min_lr}],
  InverseSqrt: ({timescale}) => ["inverse_sqrt", {...(timescale !== null && {timescale})}],
  WarmupStableDecay: (tree, end, trainer) => {
    if (!["linear", "cosine", "1-sqrt"].includes(tree.decay_type)) return `its decays are linear, cosine and 1-sqrt, not ${tree.decay_type}`;
    const stable = tree.stable_steps ?? (trainer === "LLaMA-Factory" ? end - tree.warmup_steps - tree.decay_steps : null);
    if (tree.min_lr && !tree.learning_rate) return "its floor is a share of learning_rate, which is 0";
    if (stable < 0) return "warmup and decay are longer than the run";
    return ["warmup_stable_decay", {num_decay_steps: tree.decay_steps, ...(stable !== null && {num_stable_steps: stable}),
      ...(tree.min_lr && {min_lr_ratio: tree.min_lr / tree.learning_rate}), ...(tree.warmup_type !== "linear" && {warmup_type: tree.warmup_type}),
      ...(tree.decay_type !== "cosine" && {decay_type: tree.decay_type}), ...(tree.num_cycles !== 0.5 && {num_cycles: tree.num_cycles})}];
  },
};

function asConfig(tree, trainer) {
  const {end} = curveOf(tree), found = OF_TRANSFORMERS[tree.kind]?.(tree, end, trainer) ?? "it has no such schedule";
  if (typeof found === "string") return {cannot: `${trainer} cannot express this curve: ${found}.`};
  const [name, keywords] = found, lines = [`learning_rate: ${yamlOf(tree.learning_rate)}`, `lr_scheduler_type: ${name}`];
  const pairs = Object.entries(keywords);
  if (pairs.length) lines.push("lr_scheduler_kwargs:", ...pairs.map(([key, value]) => `  ${key}: ${yamlOf(value)}`));
  if (tree.warmup_steps) lines.push(`warmup_steps: ${tree.warmup_steps}`);
  lines.push(Number.isNaN(end) ? "# max_steps: the length of your run" : `max_steps: ${end}`);
  return {text: lines.join("\n") + "\n"};
}

// torch's own class, and its arguments beside the optimizer, whose rate is the base.
const OF_TORCH = {
  ConstantFactor: ["ConstantLR", ["factor", "total_iters"]],
  LinearRamp: ["LinearLR", ["start_factor", "end_factor", "total_iters"]],
  Exponential: ["ExponentialLR", ["gamma"]],
  Step: ["StepLR", ["step_size", "gamma"]],
  MultiStep: ["MultiStepLR", ["milestones", "gamma"]],
  PolynomialDecay: ["PolynomialLR", ["total_iters", "power"]],
  CosineAnnealing: ["CosineAnnealingLR", ["T_max", "eta_min"]],
  CosineAnnealingWarmRestarts: ["CosineAnnealingWarmRestarts", ["T_0", "T_mult", "eta_min"]],
  Cyclic: ["CyclicLR", ["base_lr", "max_lr", "step_size_up", "step_size_down", "mode", "gamma"]],
  OneCycle: ["OneCycleLR", ["max_lr", "total_steps", "pct_start", "anneal_strategy", "div_factor", "final_div_factor", "three_phase"]],
};

function asTorch(tree) {
  const [name, settings] = OF_TORCH[tree.kind] ?? [], cycles = ["Cyclic", "OneCycle"].includes(tree.kind);
  const rate = tree.learning_rate ?? tree.max_lr, own = name && tree.T_max !== 0 && tree.total_iters !== 0 && rate > 0;
  const optimizer = `import torch\n${own ? "" : "import optax_lr as olr\n"}\noptimizer = torch.optim.AdamW(parameters, lr=${own ? pythonOf(rate) : "1.0"})\n`;
  return own ? {text: `${optimizer}scheduler = torch.optim.lr_scheduler.${name}(optimizer, ${named(settings, tree)}${cycles ? ", cycle_momentum=False" : ""})\n`}
    : {text: `${optimizer}# torch has no such scheduler: optax_lr runs this one as a LambdaLR\nscheduler = olr.to_torch(${pythonOf(tree)}, optimizer)\n`};
}

const call = (name, settings) => `optax.${name}(${Object.entries(settings).map(([key, value]) => `${key}=${pythonOf(value)}`).join(", ")})`;
const line = (init_value, end_value, transition_steps) => call("linear_schedule", {init_value, end_value, transition_steps});
const joined = (schedules, boundaries) => schedules.length === 1 ? schedules[0]
  : `optax.join_schedules([${schedules.join(", ")}], boundaries=${pythonOf(boundaries)})`;

function warmed(tree, decays, boundaries, start = 0) {
  const {warmup_steps: warmup, learning_rate: peak} = tree;
  return warmup ? joined([line(start, peak, warmup), ...decays], [warmup, ...boundaries.map(step => warmup + step)]) : joined(decays, boundaries);
}

const OF_OPTAX = {
  Constant: tree => warmed(tree, [call("constant_schedule", {value: tree.learning_rate})], []),
  Linear: tree => tree.max_steps > tree.warmup_steps && warmed(tree, [line(tree.learning_rate, tree.min_lr, tree.max_steps - tree.warmup_steps)], []),
  Cosine: ({learning_rate: peak, max_steps, warmup_steps, min_lr, num_cycles}) => num_cycles === 0.5 && max_steps > warmup_steps && peak > 0 && (warmup_steps
    ? call("warmup_cosine_decay_schedule", {init_value: 0, peak_value: peak, warmup_steps, decay_steps: max_steps, end_value: min_lr})
    : call("cosine_decay_schedule", {init_value: peak, decay_steps: max_steps, alpha: min_lr / peak})),
  Polynomial: tree => tree.max_steps > tree.warmup_steps && tree.power > 0 && warmed(tree, [call("polynomial_schedule",
    {init_value: tree.learning_rate, end_value: tree.min_lr, power: tree.power, transition_steps: tree.max_steps - tree.warmup_steps})], []),
  WarmupStableDecay: tree => {
    const {learning_rate: peak, decay_steps, warmup_steps, min_lr, warmup_type, decay_type, num_cycles} = tree;
    const stable = tree.stable_steps ?? tree.max_steps - warmup_steps - decay_steps;
    if (warmup_type !== "linear" || stable < 0 || !decay_steps || !peak || num_cycles !== 0.5 || !["linear", "cosine"].includes(decay_type)) return null;
    const decay = decay_type === "linear" ? line(peak, min_lr, decay_steps) : call("cosine_decay_schedule", {init_value: peak, decay_steps, alpha: min_lr / peak});
    return warmed(tree, stable ? [call("constant_schedule", {value: peak}), decay] : [decay], stable ? [stable] : [], min_lr);
  },
  Exponential: ({learning_rate, gamma}) => gamma > 0 && call("exponential_decay", {init_value: learning_rate, transition_steps: 1, decay_rate: gamma}),
  Step: ({learning_rate, step_size, gamma}) => gamma > 0 && call("exponential_decay", {init_value: learning_rate, transition_steps: step_size, decay_rate: gamma, staircase: true}),
  Stages: ({schedules, boundaries}) => {
    const parts = schedules.map(optaxOf);
    return parts.every(Boolean) && joined(parts, boundaries);
  },
};

const optaxOf = tree => OF_OPTAX[tree.kind]?.(tree) || null;

function asOptax(tree) {
  const text = optaxOf(tree);
  const until = Number.isNaN(curveOf(tree).end) ? "" : "  # the same up to the end of the schedule";
  return text ? {text: `import optax\n\nschedule = ${text}${until}\n`}
    : {cannot: "Optax has no such schedule; the one of optax_lr is a schedule for Optax's optimizers."};
}

const COPIES = {
  "optax_lr": asPython, "transformers": tree => asConfig(tree, "transformers"), "LLaMA-Factory": tree => asConfig(tree, "LLaMA-Factory"),
  "PyTorch": asTorch, "Optax": asOptax,
};

function copyOf(target, tree) {
  const why = refusal(tree);
  if (why) return {cannot: `These settings are refused: ${why}.`};
  try { return COPIES[target](tree); } catch (error) { return {cannot: `This cannot be written: ${error.message}.`}; }
}
