"use strict"

// Signed values: zero is the page's own colour, positive orange, negative blue, as in the figures.
function pixels(text, title) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)), side = Math.sqrt(bytes.length)
  const canvas = element("canvas", {width: side, height: side, role: "img", "aria-label": title}), pen = canvas.getContext("2d"), image = pen.createImageData(side, side)
  bytes.forEach((byte, n) => {
    const value = (byte - 128) / 127, [red, green, blue] = value > 0 ? [213, 94, 0] : [0, 114, 178]
    image.data.set([red, green, blue, Math.round(255 * Math.min(1, Math.abs(value)))], 4 * n)
  })
  pen.putImageData(image, 0, 0)
  return element("figure", {class: "pixels"}, canvas, element("figcaption", {}, title))
}

function picture() {
  const [kernel, product] = tables.pictures[key()], blocks = tables.spectra[key()], most = Math.max(...blocks.flat())
  const rank = Number(tables.answers[key()].at(-1)), longest = Math.max(...blocks.map(block => block.length))
  const dots = blocks.flatMap(block => block.map((value, n) => ({x: n + 1, y: value, r: 3, class: n < rank ? "dot" : "dot lost"})))
  return [element("div", {class: "pair"}, pixels(kernel, "kernel"), pixels(product, "nearest product found")), chart({
    dots, alt: "Singular values of the blocks", x: {from: 0.5, to: longest + 0.5, ticks: [...Array(longest).keys()].map(n => n + 1), name: "singular value of a block"},
    y: {from: 0, to: most * 1.05, ticks: [0, Number((most / 2).toPrecision(2)), Number(most.toPrecision(2))].filter(tick => tick <= most * 1.05), name: "size"},
  }), element("p", {class: "note"}, "Every block keeps the filled singular values; the hollow ones are lost.")]
}
