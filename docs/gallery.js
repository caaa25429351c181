// Makes the cards of the schedules interactive: replaces the picture by a curve with its settings.
const WIDE = 640, HIGH = 240, LEFT = 72, RIGHT = 628, TOP = 14, BOTTOM = 208, POINTS = 280;
const drawing = (tag, properties, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

function live(card) {
  const {kind} = card.dataset, picture = card.querySelector("img");
  if (!picture || !Object.hasOwn(KINDS, kind)) return;
  const tree = copyTree(KINDS[kind].example), last = Math.round(1.15 * RUN);
  const figure = drawing("svg", {viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${kind} at the settings below`});
  const read = el("p", {className: "read"}), refused = el("p", {className: "bad"}), settings = el("div", {className: "settings"});
  const across = step => LEFT + (RIGHT - LEFT) * step / last;
  let rate = null, most = 1, cursor = null;

  function draw() {
    refused.textContent = refusal(tree) && `Not drawn: ${refusal(tree)}.`;
    try { rate = refused.textContent ? null : curveOf(tree); } catch (error) { rate = null; refused.textContent = `Not drawn: ${error.message}.`; }
    if (!rate) return;
    const steps = stepsUpTo(last, POINTS, false, [warmupOf(tree)]);
    const rates = steps.map(rate);
    most = Math.max(...rates) || 1;
    const up = value => BOTTOM - (BOTTOM - TOP) * value / most;
    const text = (x, y, anchor, words) => drawing("text", {x, y, "text-anchor": anchor}, words);
    cursor = drawing("path", {class: "cursor", d: ""});
    figure.replaceChildren(
      drawing("path", {class: "frame", d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`}),
      ...(rate.end >= 0 && rate.end < last ? [drawing("rect", {class: "past", x: across(rate.end), y: TOP, width: RIGHT - across(rate.end), height: BOTTOM - TOP})] : []),
      text(LEFT - 8, TOP + 5, "end", shortest(Number(most.toPrecision(3)))), text(LEFT - 8, BOTTOM + 4, "end", "0"), text(LEFT, BOTTOM + 20, "middle", "0"),
      text(across(RUN), BOTTOM + 20, "middle", `step ${RUN}`),
      drawing("path", {class: "curve", d: steps.map((step, place) => `${place ? "L" : "M"}${across(step).toFixed(1)} ${up(rates[place]).toFixed(1)}`).join("")}), cursor);
    at(Math.round(RUN / 4));
  }
  function at(step) {
    if (!rate) return;
    cursor.setAttribute("d", `M${across(step)} ${TOP}V${BOTTOM}`);
    read.textContent = `At step ${step}: ${shortest(rate(step))}`;
  }
  function controls() {
    settings.replaceChildren(...KINDS[kind].fields.map(field => control(tree, field, `${kind} `, draw, () => { controls(); draw(); })));
  }
  figure.addEventListener("pointermove", event => {
    const box = figure.getBoundingClientRect(), x = (event.clientX - box.left) * WIDE / box.width;
    at(Math.max(0, Math.min(last, Math.round(last * (x - LEFT) / (RIGHT - LEFT)))));
  });
  controls();
  draw();
  const link = el("a", {href: `interactive/explore.html#${kind}`}, "Compare it with others");
  picture.closest("p").replaceWith(el("div", {className: "live"}, el("div", {}, figure, read, refused, link), settings));
}

// A card becomes interactive when it is near the visible part of the page.
const near = new IntersectionObserver(entries => {
  for (const {isIntersecting, target} of entries) if (isIntersecting) { near.unobserve(target); live(target); }
}, {rootMargin: "600px"});
for (const card of document.querySelectorAll(".schedule[data-kind]")) near.observe(card);
