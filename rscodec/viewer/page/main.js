// The page: opens the scenes in viewer.json, or a file that is dropped onto it, and connects picture, panel and values.

import { generatedBy, named } from "./notices.js";
import { openLayers } from "./opening.js";
import { fillPanel, firstStyle } from "./panel.js";
import { Picture } from "./picture.js";
import { showValues } from "./values.js";

const WIDE = matchMedia("(min-width: 700px)");
const element = (id) => document.getElementById(id);
let picture = null;

/** Shows a problem. A click on it calls `again`. */
function say(problem, again = () => picture?.retry()) {
  const message = element("message");
  message.textContent = [problem.name, problem.message].filter(Boolean).join(": ");
  message.hidden = false;
  message.onclick = () => {
    message.hidden = true;
    again();
  };
}

/** The state that tests wait for: "loading", "ready" when the whole screen is drawn, or "failed". */
function tell(state) {
  document.body.dataset.state = state;
  element("busy").hidden = state !== "loading";
}

function listStreams(streams) {
  const list = document.createElement("ul");
  streams.forEach((stream, number) => {
    const row = list.appendChild(document.createElement("li"));
    const name = row.appendChild(document.createElement(stream.error ? "span" : "a"));
    name.textContent = stream.name;
    if (!stream.error) name.href = `?stream=${number}`;
    row.className = stream.error ? "bad" : "";
    row.appendChild(document.createElement("small")).textContent = stream.error ??
      `${stream.width} x ${stream.height}, ${stream.bands} x ${stream.dtype}, ${stream.bytes.toLocaleString("en")} bytes`;
  });
  element("streams").replaceChildren(list);
  element("streams").hidden = false;
  openPanel(false);
  document.querySelector("nav").hidden = true;
  tell("ready");
}

/** Shows one stream, beside another layer if there is one. */
async function show(entry, against = null) {
  tell("loading");
  element("message").hidden = true;
  const layers = await openLayers([entry, against].filter(Boolean));
  if (layers) join(layers);
}

function join(layers) {
  const [layer] = layers;
  element("streams").hidden = true;
  document.querySelector("nav").hidden = false;
  openPanel(WIDE.matches);
  element("name").textContent = document.title = layer.name;
  picture?.end();
  picture = null;
  element("generated").title = generatedBy(layers);
  element("generated").hidden = element("generated").title === "";

  const damage = new Set();
  const style = firstStyle(layer);
  const panel = fillPanel(element("panel"), layer, style, (chosen) => picture?.restyle(chosen));
  const came = (from, block) => {
    if (block.error) say({ name: block.error.name, message: named(layers, from, block.error.message) });
    const before = damage.size;
    for (const { message } of block.pixels?.damage ?? []) damage.add(named(layers, from, message));
    if (damage.size > before) {
      panel.damage(damage);
      say({ name: "TileDamaged", message: [...damage].at(-1) });
    }
    if (block.pixels && performance.getEntriesByName("first picture").length === 0) performance.mark("first picture");
  };
  const changed = () => {
    tell(picture.idle ? "ready" : "loading");
    panel.show(picture.ranges);
    values();
    const { scale } = picture.view;
    element("zoom").textContent = scale < 0.1 ? `${(100 * scale).toFixed(1)} %` : `${Math.round(100 * scale)} %`;
  };
  picture = new Picture(element("map"), layers, style, { changed, came });
  const values = showValues(element("values"), element("map"), picture);
  divide(layers);
}

/** Creates the handle between two layers. */
function divide(layers) {
  const handle = element("split");
  const two = layers.length > 1;
  for (const id of ["split", "left", "right"]) element(id).hidden = !two;
  if (!two) return;
  [element("left").textContent, element("right").textContent] = layers.map(({ name }) => name);
  const move = (share) => {
    picture.split = Math.max(0, Math.min(1, share));
    handle.style.left = `${100 * picture.split}%`;
    handle.setAttribute("aria-valuenow", Math.round(100 * picture.split));
    picture.redraw();
  };
  handle.onpointerdown = (event) => handle.setPointerCapture(event.pointerId);
  handle.onpointermove = (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left, width } = element("map").getBoundingClientRect();
    move((event.clientX - left) / width);
  };
  handle.onkeydown = ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") move(picture.split + (key === "ArrowLeft" ? -0.02 : 0.02));
  };
  move(0.5);
}

function openPanel(open) {
  element("panel").classList.toggle("open", open);
  element("toggle").setAttribute("aria-expanded", open);
}

function listen() {
  element("toggle").onclick = () => openPanel(!element("panel").classList.contains("open"));
  element("in").onclick = () => picture?.view.zoom(1.5);
  element("out").onclick = () => picture?.view.zoom(1 / 1.5);
  element("fit").onclick = () => picture?.view.fit();
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) run(() => show({ name: file.name, blob: file, bytes: file.size }));
  });
}

/** Shows what viewer.json names. */
async function start() {
  tell("loading");
  const answer = await fetch("viewer.json");
  if (!answer.ok) throw new Error(`viewer.json is not here (status ${answer.status})`);
  const { streams, against } = await answer.json();
  const chosen = new URLSearchParams(location.search).get("stream");
  element("list").hidden = streams.length < 2 || chosen === null;
  if (streams.length > 1 && chosen === null) listStreams(streams);
  else await show(streams[Number(chosen)] ?? streams[0], against);
}

/** Shows an error on the page. A click on it runs the action again. */
async function run(action) {
  try {
    await action();
  } catch (problem) {
    say(problem, () => run(action));
    tell("failed");
  }
}

listen();
run(start);
