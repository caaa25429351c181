// One chart, by Vega: curves over the steps, rules and shades at certain steps, and the step under the pointer.
function chartIn(place, onPointer) {
  let embedded = null, view = null, built = "", waiting = null, busy = null, at = {step: null, dots: []};
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function specification(width, height, logX, logY, titleY) {
    const axis = {domainColor: colour("--line"), tickColor: colour("--line"), gridColor: colour("--grid"), grid: true,
      labelColor: colour("--soft"), titleColor: colour("--soft"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal"};
    const at = {scale: "x", field: "step"};
    // On a logarithmic axis the powers of ten, and 2 and 5 times these where there are few, have their number.
    const label = (text, log, span) => ({labels: {update: {text: {signal: log
      ? `indexof(${span} > 2000 ? [1] : [1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) < 0 ? '' : ${text}` : text}}}});
    return {
      width, height, padding: {left: 2, right: 14, top: 22, bottom: 2}, autosize: {type: "fit", contains: "padding"}, background: null,
      config: {text: {font: "system-ui, sans-serif"}, axis: {labelFont: "system-ui, sans-serif", titleFont: "system-ui, sans-serif"}},
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
          encode: label("format(datum.value, datum.value < 10000 ? ',' : '~s')", logX, "last")},
        {...axis, orient: "left", scale: "y", title: titleY, tickCount: 6, minExtent: 56, labelOverlap: !logY,
          encode: label("format(datum.value, abs(datum.value) < 0.01 && datum.value ? '.3~e' : '.4~g')", logY, "top / bottom")},
      ],
      marks: [
        {type: "group", from: {facet: {name: "band", data: "bands", groupby: "curve"}}, clip: true, encode: {update: {width: {signal: "width"}, height: {signal: "height"}}},
          marks: [{type: "area", from: {data: "band"}, encode: {update: {x: at, y: {scale: "y", field: "high"}, y2: {scale: "y", field: "low"},
            fill: {field: "colour"}, fillOpacity: {field: "opacity"}}}}]},
        {type: "rect", from: {data: "marks"}, encode: {update: {x: at, x2: {signal: "datum.shade ? width : scale('x', datum.step)"},
          y: {value: 0}, y2: {signal: "height"}, fill: {value: colour("--soft")}, fillOpacity: {value: 0.1}}}},
        {type: "rule", from: {data: "marks"}, encode: {update: {x: at, y: {value: 0}, y2: {signal: "height"}, stroke: {field: "colour"},
          strokeDash: {field: "dash"}, strokeWidth: {value: 1.2}}}},
        {type: "text", from: {data: "marks"}, encode: {update: {x: {...at, offset: {field: "offset"}}, y: {value: -6}, text: {field: "label"},
          align: {field: "align"}, fill: {value: colour("--soft")}, fontSize: {value: 12}}}},
        {type: "group", clip: true, from: {facet: {name: "one", data: "curves", groupby: "curve"}}, encode: {update: {width: {signal: "width"}, height: {signal: "height"}}},
          marks: [{type: "line", role: "curve", from: {data: "one"}, encode: {update: {x: at, y: {scale: "y", field: "rate"}, stroke: {field: "colour"},
            strokeWidth: {field: "width"}, strokeOpacity: {field: "opacity"}, strokeJoin: {value: "round"}, defined: {field: "drawn"}}}}]},
        {type: "rule", encode: {update: {x: {scale: "x", signal: "shown"}, y: {value: 0}, y2: {signal: "height"}, stroke: {value: colour("--soft")},
          strokeDash: {value: [3, 3]}, opacity: {signal: "shown === null ? 0 : 1"}}}},
        {type: "symbol", from: {data: "dots"}, clip: true, encode: {update: {x: at, y: {scale: "y", field: "rate"}, fill: {field: "colour"}, size: {value: 45},
          stroke: {value: colour("--page")}}}},
      ],
    };
  }

  async function build(logX, logY, titleY = "learning rate") {
    const width = Math.max(240, place.clientWidth), height = Math.round(Math.min(460, Math.max(280, width * 0.5)));
    const key = JSON.stringify([width, height, logX, logY, titleY, colour("--page")]);
    if (key === built) return;
    embedded?.finalize();
    embedded = await vegaEmbed(place, specification(width, height, logX, logY, titleY), {mode: "vega", renderer: "svg", tooltip: false,
      actions: false});
    view = embedded.view;
    built = key;
    view.addSignalListener("pointer", (_, step) => onPointer(Math.round(step)));
  }

  function feed({curves, bands = [], marks = [], last, logX, logY}) {
    const rates = [...curves.flatMap(one => one.points.map(point => point[1])), ...bands.flatMap(one => one.points.map(point => point[2]))].filter(Number.isFinite);
    const most = rates.reduce((a, b) => Math.max(a, b), 0) || 1;
    const least = rates.reduce((a, b) => b > 0 ? Math.min(a, b) : a, most);
    const bottom = logY ? Math.max(least, most * 1e-5) / 1.5 : 0;
    const drawn = step => step <= last && (!logX || step >= 1);
    const row = ({points, ...one}) => points.filter(point => drawn(point[0])).map(point => ({...one, step: point[0], rate: point[1],
      drawn: Number.isFinite(point[1]) && (!logY || point[1] >= bottom)}));
    const band = ({points, ...one}) => points.filter(point => drawn(point[0]) && Number.isFinite(point[2])).map(point => ({...one, step: point[0],
      low: logY ? Math.max(point[1], bottom) : point[1], high: logY ? Math.max(point[2], bottom) : point[2]}));
    view.signal("last", last).signal("bottom", bottom).signal("top", most * (logY ? 1.5 : 1.05));
    view.data("curves", curves.flatMap(row)).data("bands", bands.flatMap(band)).data("marks", marks.filter(mark => drawn(mark.step)));
  }

  // One drawing at a time, and then only the newest of what came meanwhile.
  async function work() {
    try {
      while (waiting) {
        const {model} = waiting;
        waiting = null;
        if (model) { await build(model.logX, model.logY, model.titleY); feed(model); }
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
    draw: model => soon(model),
    // Marks a step, with a dot on each of `dots`: {rate, colour}.
    // What is drawn when all that was asked for is drawn.
    picture: async () => { while (busy) await busy; return view.toSVG(); },
    point: (step, dots) => { at = {step, dots}; return soon(); },
  };
}
