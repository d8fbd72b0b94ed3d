// Charts by the library that the service ships (its address comes with the choices). Figures in,
// a drawing out; a click on a point calls back with what the point is made of.

import { h } from "/console/draw.js";

let library = null;

export function useCharts(address) {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => done(globalThis.Plotly));
    script.addEventListener("error", failed);
    document.head.append(script);
  });
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export function palette() {
  const names = ["ink", "soft", "line", "accent", "approve", "refer", "decline"];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

function layoutOf(own) {
  const { ink, line } = palette();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const { xaxis, yaxis, yaxis2, ...rest } = own;
  return {
    height: 280,
    margin: { l: 52, r: yaxis2 ? 52 : 16, t: 8, b: 36 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    dragmode: false,
    hovermode: "closest",
    xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, ...yaxis },
    ...(yaxis2 ? { yaxis2: { ...axis, overlaying: "y", side: "right", showgrid: false, ...yaxis2 } } : {}),
    ...rest,
  };
}

// An element that the drawing comes into once it stands in the page.
export function chart(traces, layout, onPoint) {
  const element = h("div", { class: layout.height < 280 ? "chart low" : "chart" });
  queueMicrotask(() => draw(element, traces, layout, onPoint));
  return element;
}

export const line = (name, x, y, more) => ({ name, x, y, mode: "lines+markers", connectgaps: false, ...more });

async function draw(element, traces, layout, onPoint) {
  const Plotly = await library;
  if (!element.isConnected) return;
  await Plotly.newPlot(element, traces, layoutOf(layout), { displayModeBar: false, responsive: true });
  element.dataset.drawn = "yes";
  element.on("plotly_click", (event) => {
    const told = event.points.map((one) => one.customdata).find(Boolean);
    if (told) onPoint?.(told);
  });
}

// A line across the chart, such as a limit that practice gives.
export function across(y, colour) {
  return { type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour, width: 1, dash: "dot" } };
}
