"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

function element(name, attributes, text, space) {
  const made = space ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
const svg = (name, attributes, text) => element(name, attributes, text, true);

function fill(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => element("option", { value }, text)));
}

/* Curves: one polyline a codec, a circle a point, the point's numbers under the pointer. */
const FRAME = { left: 60, right: 845, top: 15, bottom: 395 };

function ticks(low, high) {
  const rough = (high - low) / 6 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(+at.toPrecision(10));
  return found;
}

function drawCurves() {
  const one = data.sets[$("set").value], metric = $("metric").value;
  const curves = Object.entries(one.curves).map(([codec, curve]) =>
    ({ codec, curve, points: curve.points.filter((point) => point[metric] !== null) }));
  const all = curves.flatMap((entry) => entry.points);
  const chart = $("chart");
  chart.replaceChildren();
  $("about").textContent = one.about;
  $("legend").replaceChildren();
  if (!all.length) return;
  const values = all.map((point) => point[metric]), along = all.map((point) => point[data.x.key]);
  const [low, high, most] = [Math.min(...values), Math.max(...values), Math.max(...along) * 1.02];
  const x = (at) => FRAME.left + ((at - data.x.from) / (most - data.x.from || 1)) * (FRAME.right - FRAME.left);
  const y = (value) => FRAME.bottom - ((value - low) / (high - low || 1)) * (FRAME.bottom - FRAME.top);
  for (const at of ticks(data.x.from, most)) {
    chart.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: FRAME.top, y2: FRAME.bottom }),
      svg("text", { x: x(at), y: FRAME.bottom + 18, "text-anchor": "middle" }, at));
  }
  for (const value of ticks(low, high)) {
    chart.append(svg("line", { class: "grid", x1: FRAME.left, x2: FRAME.right, y1: y(value), y2: y(value) }),
      svg("text", { x: FRAME.left - 8, y: y(value) + 4, "text-anchor": "end" }, value));
  }
  chart.append(svg("text", { x: FRAME.right, y: FRAME.bottom + 38, "text-anchor": "end" }, data.x.label));
  for (const { codec, curve, points } of curves) {
    const colour = data.colours[codec];
    chart.append(svg("polyline", {
      points: points.map((point) => `${x(point[data.x.key])},${y(point[metric])}`).join(" "),
      fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": curve.dashed ? "6 4" : "none",
    }));
    for (const point of points) {
      const dot = svg("circle", { cx: x(point[data.x.key]), cy: y(point[metric]), r: 4.5, fill: colour });
      dot.addEventListener("pointerenter", (event) => tell(event, codec, point, metric));
      dot.addEventListener("pointerleave", () => { $("tip").hidden = true; });
      chart.append(dot);
    }
    const entry = element("span", {}, codec);
    entry.prepend(element("i", { style: `background:${colour}` }));
    $("legend").append(entry);
  }
}

function tell(event, codec, point, metric) {
  const tip = $("tip"), frame = $("chart").getBoundingClientRect(), digits = metric === "ms_ssim" ? 5 : 3;
  const parameter = point.parameter === undefined ? "" : `parameter ${point.parameter}\n`;
  tip.textContent = `${codec}\n${parameter}${data.x.unit} ${+point[data.x.key].toFixed(4)}\n` +
    `${data.metrics[metric]}: ${fixed(point[metric], digits)}`;
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX - frame.left + 14, frame.width - 260)}px`;
  tip.style.top = `${event.clientY - frame.top + 10}px`;
}

/* Tables that sort by the column one clicks. */
function table(id, columns, rows) {
  const head = element("tr"), body = $(id).tBodies[0];
  let sorted = -1, sign = 1;
  const show = () => body.replaceChildren(...rows.map((row) => {
    const line = element("tr");
    columns.forEach(([, digits, judged], at) => {
      const value = row[at], words = typeof value === "string";
      const tone = judged && value !== null ? ((value < 0) === (judged < 0) ? "good" : "bad") : "";
      line.append(element("td", { class: words ? "words" : tone }, words ? value : fixed(value, digits)));
    });
    return line;
  }));
  columns.forEach(([label], at) => {
    const cell = element("th", { class: typeof (rows[0] || [])[at] === "string" ? "words" : "", tabindex: 0 }, label);
    cell.addEventListener("click", () => {
      sign = sorted === at ? -sign : 1;
      sorted = at;
      const last = (value) => (value === null ? Infinity : value);
      rows.sort((a, b) => sign * (last(a[at]) < last(b[at]) ? -1 : last(a[at]) > last(b[at]) ? 1 : 0));
      for (const other of head.children) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      show();
    });
    head.append(cell);
  });
  $(id).tHead.replaceChildren(head);
  show();
}

function drawTables() {
  $("tables").replaceChildren(...data.sets[$("set").value].tables.map(({ id, title }) => {
    const section = element("section"), made = element("table", { id, class: "sortable" });
    made.append(element("thead"), element("tbody"));
    section.append(element("h2", {}, title), made);
    return section;
  }));
  for (const { id, columns, rows } of data.sets[$("set").value].tables) table(id, columns, rows);
}

/* The browser: two pictures on one another, the upper one cut at the slider. */
function views() {
  const picture = data.pictures[$("image").value];
  return [{ codec: "original", png: picture.original }, ...picture.choices[$("choice").value].views];
}

function chooseViews() {
  const entries = views().map((view, at) => [at, view.codec]);
  const [left, right] = [$("left").value || "0", $("right").value || "1"];
  fill($("left"), entries);
  fill($("right"), entries);
  $("left").value = left < entries.length ? left : "0";
  $("right").value = right < entries.length ? right : "0";
  look();
}

function caption(view) {
  return view.caption === undefined ? view.codec : `${view.codec}: ${view.caption}`;
}

function look() {
  const [left, right] = [views()[$("left").value], views()[$("right").value]];
  $("above").src = left.png;
  $("below").src = right.png;
  $("leftCaption").textContent = caption(left);
  $("rightCaption").textContent = caption(right);
  arrange();
}

function arrange() {
  const difference = $("difference").checked, zoom = $("zoom").value, split = $("split").value;
  $("stage").classList.toggle("difference", difference);
  $("stage").style.filter = difference ? `brightness(${$("gain").value})` : "none";
  $("stage").style.width = `${zoom * ($("below").naturalWidth || 256)}px`;
  $("above").style.clipPath = difference ? "none" : `inset(0 ${100 - split}% 0 0)`;
  $("bar").style.left = `${split}%`;
  $("zoomed").textContent = `${zoom} x`;
}

document.title = `rscodec: ${data.title}`;
$("title").textContent = data.title;
$("preface").textContent = data.preface;
$("chosen").textContent = data.choice;
fill($("set"), Object.keys(data.sets).map((name) => [name, name]));
fill($("metric"), Object.entries(data.metrics));
$("set").addEventListener("change", () => { drawCurves(); drawTables(); });
$("metric").addEventListener("change", drawCurves);
drawCurves();
drawTables();
$("skipped").replaceChildren(...Object.entries(data.skipped).map(([name, reason]) =>
  element("li", {}, `skipped ${name}: ${reason}`)));

if (data.pictures.length) {
  fill($("image"), data.pictures.map((picture, at) => [at, picture.image]));
  fill($("choice"), data.pictures[0].choices.map((choice, at) => [at, choice.label]));
  for (const id of ["image", "choice"]) $(id).addEventListener("change", chooseViews);
  for (const id of ["left", "right"]) $(id).addEventListener("change", look);
  $("difference").addEventListener("change", arrange);
  for (const id of ["zoom", "gain", "split"]) $(id).addEventListener("input", arrange);
  $("below").addEventListener("load", arrange);
  chooseViews();
} else {
  $("browser").hidden = true;
}
