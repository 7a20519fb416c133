// Controls in front of a table of answers. A setting that the table lacks is answered by its rule, never by an old picture.
"use strict"

const controls = tables.controls.map(description => ({...description, typed: String(description.value)}))
const control = name => controls.find(one => one.name === name)
const offered = one => one.depends ? one.depends.values[control(one.depends.on).typed] : one.values
const shown = one => !one.from || Number(control("factors").typed) >= one.from
const chosen = name => control(name).typed

function made(one) {
  const id = `set-${one.name}`
  if (one.kind === "tick") {
    one.box = element("input", {type: "checkbox", id, onchange: () => set(one, String(one.box.checked))})
    one.box.checked = one.value
    return element("label", {}, one.box, one.label)
  }
  if (one.kind === "choice") {
    one.box = element("select", {id, onchange: () => set(one, one.box.value)})
    return element("label", {}, one.label, one.box)
  }
  one.slider = element("input", {type: "range", min: 0, "aria-label": `${one.label}, slider`, oninput: () => set(one, String(offered(one)[one.slider.value]))})
  one.box = element("input", {type: "text", inputmode: "numeric", size: 6, id, oninput: () => set(one, one.box.value.replaceAll(",", "").trim())})
  return element("span", {class: "number"}, element("label", {for: id}, one.label), one.box, one.slider)
}

function set(one, typed) {
  one.typed = typed
  show(one)
}

// Bring a control in step with what it offers now; what somebody is typing stays as it is.
function refresh(one, moved) {
  const values = offered(one) ?? []
  one.row.hidden = !shown(one)
  if (one.kind === "choice") {
    const names = values.map(String)
    if (one.depends && !names.includes(one.typed)) one.typed = names[0]
    one.box.replaceChildren(...names.map((value, n) => element("option", {value}, one.texts?.[n] ?? value)))
    one.box.value = one.typed
  }
  if (one.kind !== "number") return
  const place = values.findIndex(value => String(value) === one.typed)
  one.slider.max = Math.max(values.length - 1, 0)
  if (place >= 0) one.slider.value = place
  if (one !== moved || document.activeElement !== one.box) one.box.value = one.typed
  one.slider.setAttribute("aria-valuetext", one.typed)
  one.box.setAttribute("aria-invalid", place < 0)
}

function refusal() {
  for (const one of controls.filter(shown)) {
    const values = offered(one)
    if (one.kind !== "number" || !values || values.some(value => String(value) === one.typed)) continue
    const written = one.typed || "nothing"
    if (!/^-?\d+$/.test(one.typed)) return `${one.label} = ${written} is not a whole number: type one, such as ${grouped(values[0])}.`
    return `${one.label} = ${written} is not in this page's tables: use ${rule(values, Number(one.typed))}; ${one.beyond}.`
  }
  return ""
}

function rule(values, typed) {
  const [first, last] = [values[0], values.at(-1)]
  if (last - first === values.length - 1) return `${grouped(first)} to ${grouped(last)}`
  if (values.length <= 16) return `one of ${values.map(grouped).join(", ")}`
  const nearest = [values.findLast(value => value < typed), values.find(value => value > typed)].filter(value => value !== undefined)
  return nearest.map(grouped).join(" or ")
}

const key = () => controls.filter(shown).map(one => one.typed).join("|")

function show(moved) {
  controls.forEach(one => refresh(one, moved))
  const refused = refusal(), [sentence, ...facts] = refused ? [refused] : tables.answers[key()]
  at("sentence").textContent = sentence
  at("sentence").classList.toggle("refused", refused !== "")
  at("facts").replaceChildren(...facts.map((fact, n) => element("tr", {}, element("th", {scope: "row"}, tables.facts[n]), element("td", {class: "number"}, fact))))
  at("facts").hidden = facts.length === 0
  at("picture").replaceChildren(...(refused ? [] : picture()))
}

for (const one of controls) at("controls").append(one.row = made(one))
at("controls").addEventListener("submit", event => event.preventDefault())
document.addEventListener("DOMContentLoaded", () => show())
