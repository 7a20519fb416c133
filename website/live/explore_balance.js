"use strict"

function picture() {
  const [yours, dense, balanced] = tables.terms[key()]
  return [element("p", {}, "Weights per channel, factor by factor:"), bars([["yours", yours], ["best dense, as many factors", dense], ["balanced, real widths", balanced]], ["S·K₁", "K₂", "K₃"])]
}
