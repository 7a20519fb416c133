"use strict"

const C = tables.channels
const state = {chain: 1, output: 5, permuted: true, stage: null}
const view = () => tables.chains[state.chain][state.permuted ? "permuted" : "plain"]
const counts = stage => view().counts[state.output][stage]
const sum = numbers => numbers.reduce((a, b) => a + b, 0)

// A point of a circle of channels, the first on top.
function point(channel, radius) {
  const angle = 2 * Math.PI * channel / C - Math.PI / 2
  return [150 + radius * Math.cos(angle), 150 + radius * Math.sin(angle)]
}

function arc(from, length, radius, attributes) {
  if (length === C) return shape("circle", {cx: 150, cy: 150, r: radius, fill: "none", ...attributes})
  const [x0, y0] = point(from - 0.42, radius), [x1, y1] = point(from + length - 0.58, radius)
  return shape("path", {d: `M${x0} ${y0}A${radius} ${radius} 0 ${+(length - 0.16 > C / 2)} 1 ${x1} ${y1}`, fill: "none", ...attributes})
}

// Maximal rows of neighbours around the circle that satisfy `lit`, as [first, how many].
function rows(lit) {
  if (lit.every(Boolean)) return [[0, C]]
  const starts = [...lit.keys()].filter(c => lit[c] && !lit[(c + C - 1) % C])
  return starts.map(start => {
    let length = 1
    while (lit[(start + length) % C]) length++
    return [start, length]
  })
}

function circle(stage, small) {
  const number = counts(stage), most = Math.max(...number), step = Math.min(13, 46 / most), parts = []
  const before = stage < view().factors.length ? view().factors[stage] : {}
  for (let branch = 0; branch < (before.groups ?? 0); branch++)
    parts.push(arc(branch * before.in, before.in, 66, {class: "branch"}))
  for (let lap = 0; lap < most; lap++)
    for (const [start, length] of rows(number.map(n => n > lap)))
      parts.push(arc(start, length, 102 + lap * step, {class: "arc", "stroke-width": step * 0.7}))
  for (let c = 0; c < C; c++) {
    const [x, y] = point(c, 84)
    parts.push(shape("circle", {cx: x, cy: y, r: 11, class: number[c] ? "channel lit" : "channel"}))
    if (!small) parts.push(label(x, y + 4, String(c), {class: number[c] ? "on" : ""}))
  }
  if (!small) parts.push(label(150, 146, `${sum(number)} path${sum(number) > 1 ? "s" : ""}`), label(150, 166, `on ${number.filter(Boolean).length} of ${C}`))
  return drawing(300, 300, `${sum(number)} paths on ${number.filter(Boolean).length} of ${C} channels`, ...parts)
}

const wiring = () => paths(view(), state.output, state.stage, pointed)

const pointed = output => ({onpointerenter: () => choose(output), onclick: () => choose(output)})

function map() {
  const {parts, side, width, height} = heat(view().map, pointed)
  const row = shape("rect", {x: 21, y: 3 + state.output * side, width: C * side + 1, height: side + 1, class: "chosen"})
  return drawing(width, height, `Numbers of paths from every input to every output, ${view().grade}`, ...parts, row)
}

function sentence() {
  const factor = view().factors[state.stage], length = sum(counts(state.stage)), covered = counts(state.stage).filter(Boolean).length
  if (!factor) return `Output ${state.output}: an arc of one channel. Go one factor back.`
  if (!factor.in) return `Back through the interleave: ${length} neighbours come from ${covered} channels, dealt over the branches in turn.`
  const spread = state.stage ? "" : ` Every input has ${span(counts(0))} path${span(counts(0)) === "1" ? "" : "s"}.`
  return `Back through a factor ${factor.in} wide: ${length} paths on ${covered} of ${C} channels.${spread}`
}

function span(numbers) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return least === most ? `${most}` : `${least} to ${most}`
}

// The sentences of the proof that the step shows.
function kinds() {
  const factor = view().factors[state.stage]
  if (!factor) return ["start"]
  return [factor.in ? "factor" : "interleave", ...(state.stage ? [] : ["end"])]
}

function show() {
  at("circle").replaceChildren(circle(state.stage))
  at("wiring").replaceChildren(wiring())
  at("map").replaceChildren(map())
  at("state").textContent = sentence()
  at("back").disabled = state.stage === 0
  at("forward").disabled = state.stage === view().factors.length
  at("output").value = at("output-value").value = state.output
  for (const step of at("proof").children) step.classList.toggle("now", kinds().includes(step.dataset.kind))
}

function choose(output) {
  if (output === state.output) return
  state.output = output
  show()
}

// With other factors the walk begins anew, at the end of it: the whole arc is seen first.
function restart(change) {
  Object.assign(state, change, {stage: 0})
  show()
}

function walk(step) {
  state.stage += step
  show()
  const [button, other] = step < 0 ? ["back", "forward"] : ["forward", "back"]
  if (at(button).disabled) at(other).focus()
}

radios(at("chains"), tables.chains.map(chain => `${chain.widths.join(" · ")} = ${chain.product}`), state.chain, chain => restart({chain}))
at("chains").querySelectorAll("label").forEach((line, chain) => {
  Object.assign(state, {chain, stage: 0})
  line.append(circle(0, true))
})
state.chain = 1
state.stage = view().factors.length
at("back").addEventListener("click", () => walk(-1))
at("forward").addEventListener("click", () => walk(1))
at("output").addEventListener("input", event => choose(Number(event.target.value)))
at("permuted").addEventListener("change", event => restart({permuted: event.target.checked}))
show()
