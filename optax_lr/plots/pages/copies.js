// A schedule in the words of other libraries: {text}, or {cannot: why}.
const shortNumber = value => value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);

function pythonOf(value) {
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return shortNumber(value);
  if (value.kind === "Sampled") throw new Error("a function of Python is in it");
  const given = KINDS[value.kind].fields.map(({name, default: usual}) => [name, value[name], JSON.stringify(usual)]);
  return call(`olr.${value.kind}`, Object.fromEntries(given.filter(([, setting, usual]) => JSON.stringify(setting) !== usual)));
}
const keywords = settings => Object.entries(settings).map(([key, value]) => `${key}=${pythonOf(value)}`).join(", ");
const call = (name, settings) => `${name}(${keywords(settings)})`;

// A number that YAML reads as one: 1e-7 would be a text.
const yamlOf = value => typeof value === "number" ? shortNumber(value).replace(/^(-?\d+)e/, "$1.0e") : String(value);

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

// torch's own classes, whose arguments have the names of the fields; the rate is that of the optimizer.
const OF_TORCH = {
  ConstantFactor: "ConstantLR", LinearRamp: "LinearLR", Exponential: "ExponentialLR", Step: "StepLR", MultiStep: "MultiStepLR",
  PolynomialDecay: "PolynomialLR", CosineAnnealing: "CosineAnnealingLR", CosineAnnealingWarmRestarts: "CosineAnnealingWarmRestarts",
  Cyclic: "CyclicLR", OneCycle: "OneCycleLR",
};

function asTorch(tree) {
  const {kind, learning_rate, ...settings} = tree, name = OF_TORCH[kind], rate = learning_rate ?? tree.max_lr;
  if (!name || tree.T_max === 0 || tree.total_iters === 0 || !(rate > 0))
    return {text: `import torch\nimport optax_lr as olr\n\noptimizer = torch.optim.AdamW(parameters, lr=1.0)\n`
      + `# torch has no such scheduler: optax_lr runs this one as a LambdaLR\nscheduler = olr.to_torch(${pythonOf(tree)}, optimizer)\n`};
  if ("max_lr" in settings) settings.cycle_momentum = false;
  return {text: `import torch\n\noptimizer = torch.optim.AdamW(parameters, lr=${pythonOf(rate)})\n`
    + `scheduler = torch.optim.lr_scheduler.${name}(optimizer, ${keywords(settings)})\n`};
}

const line = (init_value, end_value, transition_steps) => call("optax.linear_schedule", {init_value, end_value, transition_steps});
const joined = (schedules, boundaries) => schedules.length === 1 ? schedules[0]
  : `optax.join_schedules([${schedules.join(", ")}], boundaries=${pythonOf(boundaries)})`;

function warmed(tree, decays, boundaries, start = 0) {
  const {warmup_steps: warmup, learning_rate: peak} = tree;
  return warmup ? joined([line(start, peak, warmup), ...decays], [warmup, ...boundaries.map(step => warmup + step)]) : joined(decays, boundaries);
}

const OF_OPTAX = {
  Constant: tree => warmed(tree, [call("optax.constant_schedule", {value: tree.learning_rate})], []),
  Linear: tree => tree.max_steps > tree.warmup_steps && warmed(tree, [line(tree.learning_rate, tree.min_lr, tree.max_steps - tree.warmup_steps)], []),
  Cosine: ({learning_rate: peak, max_steps, warmup_steps, min_lr, num_cycles}) => num_cycles === 0.5 && max_steps > warmup_steps && peak > 0 && (warmup_steps
    ? call("optax.warmup_cosine_decay_schedule", {init_value: 0, peak_value: peak, warmup_steps, decay_steps: max_steps, end_value: min_lr})
    : call("optax.cosine_decay_schedule", {init_value: peak, decay_steps: max_steps, alpha: min_lr / peak})),
  Polynomial: tree => tree.max_steps > tree.warmup_steps && tree.power > 0 && warmed(tree, [call("optax.polynomial_schedule",
    {init_value: tree.learning_rate, end_value: tree.min_lr, power: tree.power, transition_steps: tree.max_steps - tree.warmup_steps})], []),
  WarmupStableDecay: tree => {
    const {learning_rate: peak, decay_steps, warmup_steps, min_lr, warmup_type, decay_type, num_cycles} = tree;
    const stable = tree.stable_steps ?? tree.max_steps - warmup_steps - decay_steps;
    if (warmup_type !== "linear" || stable < 0 || !decay_steps || !peak || num_cycles !== 0.5 || !["linear", "cosine"].includes(decay_type)) return null;
    const decay = decay_type === "linear" ? line(peak, min_lr, decay_steps) : call("optax.cosine_decay_schedule", {init_value: peak, decay_steps, alpha: min_lr / peak});
    return warmed(tree, stable ? [call("optax.constant_schedule", {value: peak}), decay] : [decay], stable ? [stable] : [], min_lr);
  },
  Exponential: ({learning_rate, gamma}) => gamma > 0 && call("optax.exponential_decay", {init_value: learning_rate, transition_steps: 1, decay_rate: gamma}),
  Step: ({learning_rate, step_size, gamma}) => gamma > 0 && call("optax.exponential_decay", {init_value: learning_rate, transition_steps: step_size, decay_rate: gamma, staircase: true}),
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
  "optax_lr": tree => ({text: `import optax_lr as olr\n\nschedule = ${pythonOf(tree)}\n`}),
  "transformers": tree => asConfig(tree, "transformers"), "LLaMA-Factory": tree => asConfig(tree, "LLaMA-Factory"),
  "PyTorch": asTorch, "Optax": asOptax,
};

function copyOf(target, tree) {
  const why = refusal(tree);
  if (why) return {cannot: `These settings are refused: ${why}.`};
  try { return COPIES[target](tree); } catch (error) { return {cannot: `This cannot be written: ${error.message}.`}; }
}
