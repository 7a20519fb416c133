"use strict"

const costs = [{name: "bits per weight", column: 2, least: 5}, {name: "operations per weight", column: 3, least: 6}]
const kernels = Object.keys(tables.kernels), state = {kernel: 0, cost: 0}
const points = () => tables.kernels[kernels[state.kernel]]
const WIDE = 330, TALL = 230

function place(point) {
  const {column} = costs[state.cost], [from, to] = range()
  return [30 + (WIDE - 44) * Math.log(point[column] / from) / Math.log(to / from), 10 + (TALL - 50) * (1 - Math.min(point[4], 1))]
}

function range() {
  const all = kernels.flatMap(kernel => tables.kernels[kernel].map(point => point[costs[state.cost].column]))
  return [Math.min(...all) * 0.8, Math.max(...all) * 1.25]
}

// The line that nothing beats, as steps: no point is both left of it and below it.
function best() {
  const kept = points().filter(point => point[costs[state.cost].least]).map(place).sort((a, b) => a[0] - b[0])
  return kept.flatMap(([x, y], n) => n ? [[x, kept[n - 1][1]], [x, y]] : [[x, y]]).map(pair => pair.map(v => v.toFixed(1)).join()).join(" ")
}

// Where nothing is: what is both cheaper and nearer than all points. It ends at the line.
const unreached = () => {
  const steps = best().split(" "), bottom = TALL - 38, [left, right] = [steps[0], steps.at(-1)].map(step => step.split(","))
  return `22,10 ${left[0]},10 ${steps.join(" ")} ${WIDE - 8},${right[1]} ${WIDE - 8},${bottom} 22,${bottom}`
}

// The points of the other kinds are one path: a hundred circles in each of seven panels would take long to move.
const others = kind => points().filter(point => point[0] !== kind).map(place)
  .map(([x, y]) => `M${(x - 2.2).toFixed(1)} ${y.toFixed(1)}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0`).join("")

function panel(kind) {
  const drawn = points().filter(point => point[0] === kind)
  const circles = drawn.map(point => shape("circle", {r: 4.5, class: "point lit"}, shape("title", {}, `${point[1]}: error ${point[4]}`)))
  const band = shape("polygon", {class: "band"}), rest = shape("path", {class: "point"}), line = shape("polyline", {class: "curve best"})
  const [name, low, high] = [label(WIDE / 2, TALL - 4, ""), label(30, TALL - 22, "", {class: "small"}), label(WIDE - 14, TALL - 22, "", {class: "small"})]
  const frame = [label(8, 14, "1", {class: "small"}), label(8, TALL - 36, "0", {class: "small"}), shape("path", {d: `M22 10V${TALL - 38}H${WIDE - 8}`, class: "frame"})]
  const picture = drawing(WIDE, TALL, `Error over cost: ${kind} among all`, band, ...frame, rest, line, ...circles, name, low, high)
  at("families").append(element("figure", {}, picture, element("figcaption", {}, kind)))
  return () => {
    circles.forEach((circle, n) => {
      const [x, y] = place(drawn[n])
      circle.style.transform = `translate(${x}px, ${y}px)`
    })
    const [from, to] = range()
    rest.setAttribute("d", others(kind))
    line.setAttribute("points", best())
    band.setAttribute("points", unreached())
    for (const [text, words] of [[name, costs[state.cost].name], [low, from.toPrecision(1)], [high, to.toPrecision(2)]]) text.textContent = words
  }
}

let move = []

function show() {
  move.forEach(one => one())
  const {name, least} = costs[state.cost], kept = points().filter(point => point[least])
  const share = tables.kinds.map(kind => [kind, kept.filter(point => point[0] === kind).length]).filter(([, number]) => number)
  at("word").textContent = `By ${name}, the points that nothing beats: ${share.map(([kind, number]) => `${number} ${kind}`).join(", ")}.`
}

function draw() {
  at("families").replaceChildren()
  move = tables.kinds.map(panel)
  show()
}

function kernel(number) {
  state.kernel = number
  draw()
}

function cost(number) {
  state.cost = number
  show()
}

// A square of signed numbers; a cell moves where its style says.
function square(rows, side, alt, words = () => []) {
  const most = Math.max(...rows.flat().map(Math.abs))
  const cells = rows.map((row, r) => row.map((value, c) => shape("g", {style: `transform: translate(${c * side}px, ${r * side}px)`}, shape("rect", {
    width: side - 1, height: side - 1, class: value > 0 ? "cell positive" : "cell", style: `--share: ${Math.abs(value) / most}`,
  }), ...words(value))))
  return {cells, picture: drawing(side * rows.length, side * rows.length, alt, ...cells.flat())}
}

const percent = share => `${Math.round(100 * share)}\u00a0%`

const signed = value => value.toFixed(2).replace("-", "−")

function way({name, values, bits, multiply_adds, additions, error, share_at_100}) {
  const {picture} = square(values, 60, `${name}: ${values.map(row => row.join(" ")).join("; ")}`, value => value ? [label(30, 35, signed(value))] : [])
  const work = `${multiply_adds} multiply–adds${additions ? `, ${additions} additions` : ""}`
  return element("figure", {}, picture, element("figcaption", {}, element("b", {}, name), element("br"), `${bits} bits, error ${error.toFixed(2)}`, element("br"), work, element("br"), `at 100 channels: ${percent(share_at_100)} of the multiply–adds`))
}

function hidden() {
  const {matrix, rows, columns, branches, given, found} = tables.hidden, side = 24
  const {cells, picture} = square(matrix, side, `${matrix.length} by ${matrix.length} weights; in the right order of channels they are ${branches} blocks`)
  const button = element("button", {type: "button", "aria-pressed": "false", onclick: slide}, "Slide the channels")
  const word = element("p", {class: "answer", role: "status"})
  function slide() {
    const sorted = button.ariaPressed === "false"
    button.ariaPressed = String(sorted)
    rows.forEach((row, r) => columns.forEach((column, c) => {
      const [y, x] = sorted ? [r, c] : [row, column]
      cells[row][column].style.transform = `translate(${x * side}px, ${y * side}px)`
    }))
    tell(sorted)
  }
  function tell(sorted) {
    word.textContent = sorted ? `In the order found, ${branches} blocks have relative error ${found.toFixed(2)}.` : `As the channels come, the nearest ${branches} blocks have relative error ${given.toFixed(2)}.`
  }
  tell(false)
  at("hidden").append(element("div", {class: "controls"}, button), word, picture)
}

at("ways").append(...tables.ways.map(way))
hidden()
radios(at("kernels"), kernels, 0, kernel)
radios(at("costs"), costs.map(one => one.name), 0, cost)
draw()
