// Elements, by their properties.
const byId = id => document.getElementById(id);
function el(tag, properties = {}, ...children) {
  const {class: name, ...rest} = properties, made = Object.assign(document.createElement(tag), rest);
  if (name) made.className = name;
  for (const key of ["ariaLabel", "ariaPressed"]) if (key in rest) made.setAttribute(`aria-${key.slice(4).toLowerCase()}`, rest[key]);
  made.append(...children.filter(child => child !== null));
  return made;
}

function chip({number}) {
  const made = el("span", {class: "chip"});
  made.style.background = colourOf(number);
  return made;
}

// The arrow keys on the chart go from step to step.
function onArrows(last, step, go) {
  byId("chart").addEventListener("keydown", event => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key], to = {Home: 0, End: last()}[event.key];
    if (by === undefined && to === undefined) return;
    go(to ?? step() + by * (event.shiftKey ? 10 : 1));
    event.preventDefault();
  });
}

// Another theme, or another width of the chart.
function onChange(redraw) {
  let wide = byId("chart").clientWidth;
  isDark.addEventListener("change", redraw);
  new ResizeObserver(() => {
    if (wide === byId("chart").clientWidth) return;
    wide = byId("chart").clientWidth;
    requestAnimationFrame(redraw);
  }).observe(byId("chart"));
}
