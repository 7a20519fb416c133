// What all pages that answer share: their tables, and a few words for drawing. Nothing here computes; it only looks up and draws.
"use strict"

const tables = JSON.parse(document.getElementById("tables").textContent)
const at = id => document.getElementById(id)

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children)
}

function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children)
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value)
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

// A drawing with a description for readers who cannot see it.
function drawing(width, height, alt, ...children) {
  return shape("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "drawing", role: "img", "aria-label": alt}, ...children)
}

function label(x, y, words, attributes = {}) {
  return shape("text", {x, y, "text-anchor": "middle", ...attributes}, words)
}

// Radio buttons, one per entry of `names`; `moved` hears the number of the one chosen.
function radios(fieldset, names, chosen, moved) {
  names.forEach((name, number) => {
    const box = element("input", {type: "radio", name: fieldset.id, value: number, onchange: () => moved(number)})
    box.checked = number === chosen
    fieldset.append(element("label", {}, box, " ", name))
  })
}

const grouped = number => number.toLocaleString("en-US")
