// The panel: bands, stretch, and what is known about the scene. Everything that a stream contains is shown as text
// only.

import { shownBands, threeBands } from "./colours.js";

const STRETCHES = { percent: "2 to 98 %", range: "Least to greatest", type: "All of the type", manual: "By hand" };
const TYPES = { uint8: [0, 255], uint16: [0, 65535], int16: [-32768, 32767] };
const LONGEST = 600; // characters of a value
const MOST = 200; // rows of metadata

/** Returns the name of a band, counted from 0. */
export function bandName(layer, band) {
  return layer.descriptions[band].slice(0, 40) || `band ${band + 1}`;
}

/** Returns the bands (counted from 0) whose pixels a model generated, and the model; null for a measured scene. */
export function generated(layer) {
  const tags = layer.metadata.tags?.[""];
  if (tags?.synthetic !== "yes") return null;
  const bands = String(tags.synthetic_bands ?? "").split(",").map((band) => Number(band) - 1).filter(Number.isInteger);
  return { bands, model: String(tags.synthetic_model ?? "some model").slice(0, 60) };
}

/** Returns the style in which a layer is first shown: { bands, stretch, manual }. */
export function firstStyle(layer) {
  const bands = shownBands(layer);
  const stretch = layer.dtype === "uint8" ? "type" : "percent";
  return { bands, stretch, manual: bands.map(() => TYPES[layer.dtype] ?? [0, 1]) };
}

/** Returns, for each band that is shown, the values that are black and white. */
export function rangesOf(layer, { bands, stretch, manual }, statistics) {
  return bands.map((band, place) => {
    if (stretch === "manual") return manual[place];
    if (stretch === "type") return TYPES[layer.dtype];
    const found = statistics.of(band);
    if (!found) return [0, 1];
    return stretch === "range" ? found.slice(0, 2) : found.slice(2);
  });
}

/**
 * Fills the panel. It calls `changed(style)` for each choice, and returns the functions `show(ranges)` and
 * `damage(messages)`.
 */
export function fillPanel(panel, layer, style, changed) {
  panel.replaceChildren();
  const display = add(panel, "section");
  const ranges = [];

  const choose = () => {
    display.replaceChildren();
    ranges.length = 0;
    add(display, "h2", "Display");
    if (layer.bands > 1) {
      select(display, "Show", { 3: "three bands", 1: "one band" }, style.bands.length, (count) => {
        style.bands = Number(count) === 1 ? [style.bands[0]] : threeBands(layer);
        style.manual = style.bands.map((_, place) => style.manual[place] ?? style.manual[0]);
        choose();
      });
    }
    const names = Object.fromEntries(Array.from({ length: layer.bands }, (_, band) => [band, bandName(layer, band)]));
    style.bands.forEach((band, place) => {
      const label = style.bands.length === 1 ? "Band" : ["Red", "Green", "Blue"][place];
      select(display, label, names, band, (chosen) => {
        style.bands[place] = Number(chosen);
        changed(style);
      });
    });
    const stretches = Object.entries(STRETCHES).filter(([key]) => key !== "type" || TYPES[layer.dtype]);
    select(display, "Stretch", Object.fromEntries(stretches), style.stretch, (stretch) => {
      if (stretch === "manual") style.manual = ranges.map((inputs) => inputs.map(({ value }) => Number(value)));
      style.stretch = stretch;
      choose();
    });
    style.bands.forEach((_, place) => ranges.push(rangeInputs(display, place)));
    changed(style);
  };

  const rangeInputs = (parent, place) => {
    const row = add(parent, "div");
    row.className = "range";
    add(row, "span", style.bands.length === 1 ? "Values" : ["Red", "Green", "Blue"][place]);
    return ["least", "greatest"].map((which, end) => {
      const input = add(row, "input");
      Object.assign(input, { type: "number", step: "any", disabled: style.stretch !== "manual" });
      input.setAttribute("aria-label", `${which} value of ${row.firstChild.textContent}`);
      input.addEventListener("change", () => {
        if (!Number.isFinite(input.valueAsNumber)) return;
        style.manual[place] = style.manual[place].map((value, i) => (i === end ? input.valueAsNumber : value));
        changed(style);
      });
      return input;
    });
  };

  const damaged = add(panel, "section");
  if (layer.header) sceneFacts(panel, layer);
  metadataFacts(panel, layer);
  choose();
  return {
    show(found) {
      ranges.forEach((inputs, place) => inputs.forEach((input, end) => {
        if (document.activeElement !== input) input.value = Number(found[place][end].toPrecision(7));
      }));
    },
    damage(messages) {
      damaged.replaceChildren();
      add(damaged, "h2", "Damaged");
      const list = add(damaged, "ul");
      list.className = "damage";
      for (const message of messages) add(list, "li", message);
    },
  };
}

function sceneFacts(panel, layer) {
  const { header, bytes, bound } = layer;
  const made = generated(layer);
  facts(panel, "Scene", {
    Size: `${header.width} x ${header.height} pixels`,
    Bands: `${header.bands}, ${header.dtype}`,
    Quality: header.quality,
    ...(bound === null ? {} : { "Largest error": bound }),
    ...(bytes ? { File: `${bytes.toLocaleString("en")} bytes, ` +
                       `${((8 * bytes) / (header.width * header.height)).toFixed(3)} bits per pixel` } : {}),
    Tiles: `${header.rows} x ${header.cols} of ${header.tile} pixels`,
    Model: `${header.model}, weights ${header.weightsHash}`,
    ...(made ? { Generated: `bands ${made.bands.map((band) => band + 1).join(", ")} by ${made.model}` } : {}),
  });
}

function metadataFacts(panel, { metadata }) {
  const rows = {};
  for (const [key, value] of Object.entries(metadata)) {
    if (key === "tags" && value !== null && typeof value === "object") {
      for (const [space, tags] of Object.entries(value)) {
        for (const [name, tag] of Object.entries(tags ?? {})) rows[space ? `${space}: ${name}` : name] = tag;
      }
    } else rows[key] = value;
  }
  facts(panel, "Metadata", rows);
}

function facts(panel, title, rows) {
  const entries = Object.entries(rows);
  if (entries.length === 0) return;
  add(panel, "h2", title);
  const list = add(panel, "dl");
  for (const [name, value] of entries.slice(0, MOST)) {
    add(list, "dt", name.slice(0, 80));
    const text = typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", ");
    add(list, "dd", text.length > LONGEST ? `${text.slice(0, LONGEST)} ...` : text);
  }
  if (entries.length > MOST) add(panel, "p", `and ${entries.length - MOST} more`);
}

function select(parent, label, options, chosen, changed) {
  const row = add(parent, "label", label);
  const list = add(row, "select");
  for (const [value, text] of Object.entries(options)) {
    const option = add(list, "option", text);
    Object.assign(option, { value, selected: value === String(chosen) });
  }
  list.addEventListener("change", () => changed(list.value));
}

function add(parent, tag, text = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}
