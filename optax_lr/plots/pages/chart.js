// One chart, by Vega: curves over the steps, rules and shades at certain steps, and the step under the pointer.

// A colour of the style sheet, as this theme resolves it.
const probe = document.body.appendChild(el("i", {hidden: true}));
function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
const colourOf = number => colour(`--curve-${number % MOST_CURVES}`);
const chip = number => el("span", {className: "chip", style: `background: var(--curve-${number % MOST_CURVES})`});

// On a logarithmic axis the powers of ten have their number, and 2 and 5 times these where there are few.
function labels(text, isLog, span) {
  const digit = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))";
  const signal = isLog ? `indexof(${span} > ${LOG.few} ? [1] : [1, 2, 5], ${digit}) < 0 ? '' : ${text}` : text;
  return {labels: {update: {text: {signal}}}};
}

function specification(width, height, {logX, logY, titleY}) {
  const line = colour("--line"), soft = colour("--soft"), font = "system-ui, sans-serif";
  const axis = {domainColor: line, tickColor: line, gridColor: colour("--grid"), grid: true, labelColor: soft, titleColor: soft,
    labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal"};
  const x = {scale: "x", field: "step"}, y = field => ({scale: "y", field}), full = {width: {signal: "width"}, height: {signal: "height"}};
  const high = {y: {value: 0}, y2: {signal: "height"}};  // over the whole height
  const mark = (type, data, update) => ({type, from: {data}, encode: {update}});
  const each = (type, data, update) => ({type: "group", clip: true, from: {facet: {name: `one of ${data}`, data, groupby: "curve"}},
    encode: {update: full}, marks: [mark(type, `one of ${data}`, update)]});
  return {
    width, height, padding: {left: 2, right: 14, top: 22, bottom: 2}, autosize: {type: "fit", contains: "padding"}, background: null,
    signals: [
      {name: "last", value: 1}, {name: "bottom", value: 0}, {name: "top", value: 1}, {name: "shown", value: null},
      {name: "pointer", value: null, on: [{events: "mousemove, touchmove, touchstart", update: "invert('x', clamp(x(), 0, width))"}]},
    ],
    data: [{name: "bands"}, {name: "curves"}, {name: "marks"}, {name: "dots"}],
    scales: [
      {name: "x", type: logX ? "log" : "linear", domain: {signal: `[${logX ? 1 : 0}, last]`}, range: "width", zero: false, nice: false},
      {name: "y", type: logY ? "log" : "linear", domain: {signal: "[bottom, top]"}, range: "height", zero: false, nice: !logY},
    ],
    axes: [
      {...axis, orient: "bottom", scale: "x", title: "optimizer step", tickCount: {signal: "max(2, width / 90)"}, labelOverlap: !logX,
        encode: labels("format(datum.value, datum.value < 10000 ? ',' : '~s')", logX, "last")},
      {...axis, orient: "left", scale: "y", title: titleY, tickCount: 6, minExtent: 56, labelOverlap: !logY,
        encode: labels("format(datum.value, abs(datum.value) < 0.01 && datum.value ? '.3~e' : '.4~g')", logY, "top / bottom")},
    ],
    marks: [
      each("area", "bands", {x, y: y("high"), y2: y("low"), fill: {field: "colour"}, fillOpacity: {field: "opacity"}}),
      mark("rect", "marks", {x, x2: {signal: "datum.shade ? width : scale('x', datum.step)"}, ...high, fill: {value: soft}, fillOpacity: {value: 0.1}}),
      mark("rule", "marks", {x, ...high, stroke: {field: "colour"}, strokeDash: {field: "dash"}, strokeWidth: {value: 1.2}}),
      mark("text", "marks", {x: {...x, offset: {field: "offset"}}, y: {value: -6}, text: {field: "label"}, align: {field: "align"},
        font: {value: font}, fontSize: {value: 12}, fill: {value: soft}}),
      each("line", "curves", {x, y: y("rate"), stroke: {field: "colour"}, strokeWidth: {field: "width"}, strokeOpacity: {field: "opacity"},
        strokeJoin: {value: "round"}, defined: {field: "drawn"}}),
      {type: "rule", encode: {update: {x: {scale: "x", signal: "shown"}, ...high, stroke: {value: soft}, strokeDash: {value: [3, 3]},
        opacity: {signal: "shown === null ? 0 : 1"}}}},
      {...mark("symbol", "dots", {x, y: y("rate"), fill: {field: "colour"}, size: {value: 45}, stroke: {value: colour("--page")}}), clip: true},
    ],
  };
}

// `read(step)` is called for the step under the pointer or chosen by a key, `redraw()` for another theme or width.
function chartIn(place, {read, redraw, lastStep}) {
  let view = null, built = "", waiting = null, busy = null, at = {step: null, dots: []}, wide = place.clientWidth;

  place.addEventListener("keydown", event => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key], to = {Home: 0, End: lastStep()}[event.key];
    if (by === undefined && to === undefined) return;
    read(to ?? at.step + by * (event.shiftKey ? 10 : 1));
    event.preventDefault();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => {
    if (wide === place.clientWidth) return;
    wide = place.clientWidth;
    requestAnimationFrame(redraw);
  }).observe(place);

  function build(look) {
    const width = Math.max(240, place.clientWidth), height = Math.round(Math.min(460, Math.max(280, width * 0.5)));
    const made = specification(width, height, look), key = JSON.stringify(made);
    if (key === built) return;
    view?.finalize();
    view = new vega.View(vega.parse(made), {renderer: "svg", container: place});
    built = key;
    view.addSignalListener("pointer", (_, step) => step !== null && read(Math.round(step)));
  }

  function feed({curves, bands = [], marks = [], last, logX, logY}) {
    const highest = [...curves, ...bands].flatMap(one => one.points.map(point => point.at(-1))).filter(Number.isFinite);
    const most = highest.reduce((a, b) => Math.max(a, b), 0) || 1;
    const least = highest.reduce((a, b) => b > 0 ? Math.min(a, b) : a, most);
    const bottom = logY ? Math.max(least, most * LOG.lowest) / LOG.room : 0;
    const isShown = step => step <= last && (!logX || step >= 1);
    const rows = (some, values) => some.flatMap(({points, ...one}) => points.filter(point => isShown(point[0]))
      .map(([step, ...rates]) => ({...one, step, ...values(...rates)})));
    view.signal("last", last).signal("bottom", bottom).signal("top", most * (logY ? LOG.room : 1.05));
    view.data("curves", rows(curves, rate => ({rate, drawn: Number.isFinite(rate) && (!logY || rate >= bottom)})));
    view.data("bands", rows(bands, (low, high) => ({low: Math.max(low, bottom), high: Math.max(high, bottom)})).filter(row => Number.isFinite(row.high)));
    view.data("marks", marks.filter(mark => isShown(mark.step)));
  }

  // One drawing at a time, and then only the newest of what came meanwhile.
  async function work() {
    try {
      while (waiting) {
        const {model} = waiting;
        waiting = null;
        if (model) { build(model); feed(model); }
        view.signal("shown", at.step).data("dots", at.dots.map(dot => ({...dot, step: at.step})));
        await view.runAsync();
      }
    } finally { busy = null; }
  }
  const soon = model => {
    waiting = {model: model ?? waiting?.model};
    return busy ??= work();
  };

  return {
    // curves: {curve, colour, width, opacity, points: [[step, rate], ...]}; bands: {..., points: [[step, low, high], ...]}
    draw: soon,
    // Marks a step, with a dot on each of `dots`: {rate, colour}.
    point: (step, dots) => { at = {step, dots: dots.filter(dot => Number.isFinite(dot.rate))}; return soon(); },
    // The SVG of all that was asked for, once it is drawn.
    picture: async () => { while (busy) await busy; return view.toSVG(); },
  };
}

const looks = () => ({logX: byId("log-x").value === "log", logY: byId("log-y").value === "log", titleY: "learning rate"});
