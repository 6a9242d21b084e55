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

/* Curves: one polyline a codec, a circle a point, the point's numbers under the pointer. A unit is a pixel of the screen, so
   that labels have the same size on every screen. */
const MARGIN = { left: 60, right: 15, top: 15, bottom: 45 };

function frame(chart) {
  const width = chart.clientWidth || 860, height = Math.max(280, Math.min(440, width / 2));
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
}

function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
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
  const chart = $("chart"), box = frame(chart);
  chart.replaceChildren();
  $("about").textContent = one.about;
  $("legend").replaceChildren();
  if (!all.length) return;
  const values = all.map((point) => point[metric]), along = all.map((point) => point[data.x.key]);
  const [low, high, most] = [Math.min(...values), Math.max(...values), Math.max(...along) * 1.02];
  const x = (at) => box.left + ((at - data.x.from) / (most - data.x.from || 1)) * (box.right - box.left);
  const y = (value) => box.bottom - ((value - low) / (high - low || 1)) * (box.bottom - box.top);
  for (const at of ticks(data.x.from, most, Math.min(6, box.right / 90))) {
    chart.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: box.top, y2: box.bottom }),
      svg("text", { x: x(at), y: box.bottom + 18, "text-anchor": "middle" }, at));
  }
  for (const value of ticks(low, high, 6)) {
    chart.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      svg("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, value));
  }
  chart.append(svg("text", { x: box.right, y: box.bottom + 38, "text-anchor": "end" }, data.x.label));
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
  const tip = $("tip"), chart = $("chart").getBoundingClientRect(), digits = metric === "ms_ssim" ? 5 : 3;
  const parameter = point.parameter === undefined ? "" : `parameter ${point.parameter}\n`;
  tip.textContent = `${codec}\n${parameter}${data.x.unit} ${+point[data.x.key].toFixed(4)}\n` +
    `${data.metrics[metric]}: ${fixed(point[metric], digits)}`;
  tip.hidden = false;
  tip.style.left = `${Math.max(0, Math.min(event.clientX - chart.left + 14, chart.width - 260))}px`;
  tip.style.top = `${event.clientY - chart.top + 10}px`;
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
    const scroll = element("div", { class: "scroll" });
    scroll.append(made);
    section.append(element("h2", {}, title), scroll);
    return section;
  }));
  for (const { id, columns, rows } of data.sets[$("set").value].tables) table(id, columns, rows);
}

/* The browser: two pictures on one another, the upper one cut at the split, a share of the visible part. */
let split = 0.5;

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

/* The largest whole zoom at which the picture is not wider than the page. */
function fittingZoom() {
  const room = $("browser").clientWidth - 2;
  return Math.max(1, Math.min(8, Math.floor(room / ($("below").naturalWidth || 256))));
}

function arrange() {
  const difference = $("difference").checked, zoom = $("zoom").value, viewport = $("viewport");
  $("frame").classList.toggle("difference", difference);
  $("stage").style.filter = difference ? `brightness(${$("gain").value})` : "none";
  $("stage").style.width = `${zoom * ($("below").naturalWidth || 256)}px`;
  const line = split * viewport.clientWidth;
  const cut = $("stage").clientWidth - viewport.scrollLeft - line;
  $("above").style.clipPath = difference ? "none" : `inset(0 ${cut}px 0 0)`;
  $("split").style.left = `${line}px`;
  $("split").setAttribute("aria-valuenow", Math.round(100 * split));
  $("zoomed").textContent = `${zoom} x`;
}

function moveSplit(share) {
  split = Math.max(0, Math.min(1, share));
  arrange();
}

function drag(event) {
  const visible = $("viewport").getBoundingClientRect();
  moveSplit((event.clientX - visible.left) / $("viewport").clientWidth);
}

function listenToSplit() {
  $("split").addEventListener("pointerdown", (event) => {
    event.preventDefault();
    $("split").focus();
    addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => removeEventListener("pointermove", drag), { once: true });
    }
  });
  $("split").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
    if (step) moveSplit(split + step);
  });
  $("viewport").addEventListener("scroll", arrange);
}

document.title = `rscodec: ${data.title}`;
$("title").textContent = data.title;
$("preface").textContent = data.preface;
$("chosen").textContent = data.choice;
fill($("set"), Object.keys(data.sets).map((name) => [name, name]));
fill($("metric"), Object.entries(data.metrics));
$("set").addEventListener("change", () => { drawCurves(); drawTables(); });
$("metric").addEventListener("change", drawCurves);
addEventListener("resize", drawCurves);
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
  for (const id of ["zoom", "gain"]) $(id).addEventListener("input", arrange);
  $("below").addEventListener("load", () => { $("zoom").value = fittingZoom(); }, { once: true });
  $("below").addEventListener("load", arrange);
  addEventListener("resize", arrange);
  listenToSplit();
  chooseViews();
} else {
  $("browser").hidden = true;
}
