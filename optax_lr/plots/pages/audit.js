// The report of an audit: the values of the row under the pointer, and the steps of the finding under it.
const {names, rows, first, last} = JSON.parse(byId("data").textContent);
const figure = byId("figure"), tip = figure.querySelector(".tip"), cursor = figure.querySelector(".cursor");
let shown = -1;

const nearest = step => rows.reduce((best, row, number) => Math.abs(row[0] - step) < Math.abs(rows[best][0] - step) ? number : best, 0);

function show(number) {
  shown = Math.max(0, Math.min(rows.length - 1, number));
  const [step, ...values] = rows[shown], share = (step - first) / (last - first);
  const lines = [["step", step.toLocaleString("en")], ...names.map((name, column) => [name, values[column]])].filter(line => line[1] !== "");
  tip.firstChild.replaceChildren(...lines.map(line => el("tr", {}, ...line.map(text => el("td", {}, text)))));
  cursor.style.left = tip.style.left = `${100 * share}%`;
  tip.style.transform = share < 0.5 ? "translateX(14px)" : "translateX(calc(-100% - 14px))";
  figure.classList.add("read");
}

figure.addEventListener("pointermove", event => {
  const box = figure.getBoundingClientRect();
  show(nearest(first + (last - first) * (event.clientX - box.left) / box.width));
});
figure.addEventListener("pointerleave", () => figure.classList.remove("read"));
figure.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) { show(shown + by); event.preventDefault(); }
});

const pinned = new Set();
function mark(number, on) {
  for (const element of document.querySelectorAll(`[data-finding="${number}"]`)) element.classList.toggle("on", on || pinned.has(number));
}
for (const element of document.querySelectorAll("[data-finding]")) {
  const number = element.dataset.finding;
  for (const name of ["pointerenter", "focus"]) element.addEventListener(name, () => mark(number, true));
  for (const name of ["pointerleave", "blur"]) element.addEventListener(name, () => mark(number, false));
  element.addEventListener("click", () => { if (!pinned.delete(number)) pinned.add(number); mark(number, true); });
}
