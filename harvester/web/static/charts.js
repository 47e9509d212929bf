// Puts the interactive chart where without JavaScript there is a picture of it.
// Vega gets the specification as data (`ast`), so that the page needs no eval.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const OPTIONS = {
  ast: true,
  actions: false,
  renderer: "svg",
  defaultStyle: false,
  tooltip: { disableDefaultStyle: true },
  logLevel: 1, // errors; that an empty layer has no extent is none
};

function address(figure, ending) {
  const theme = dark.matches ? "dark" : "light";
  return `${figure.dataset.chart}.${ending}?${figure.dataset.query}&theme=${theme}`;
}

function picture(figure) {
  const image = document.createElement("img");
  image.src = address(figure, "svg");
  image.alt = figure.dataset.alt;
  figure.replaceChildren(image);
}

async function interactive(figure) {
  const response = await fetch(address(figure, "json"));
  if (!response.ok) throw new Error(`${response.status}`);
  const specification = await response.json();
  const remarks = [specification.title?.subtitle ?? []].flat().join(" · ");
  delete specification.title; // the heading above says it
  const place = document.createElement("div");
  place.className = "drawn";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", figure.dataset.alt);
  figure.view?.finalize();
  const caption = document.createElement("figcaption");
  caption.textContent = remarks;
  figure.replaceChildren(place, caption);
  specification.width = "container"; // also when the window changes
  const { view } = await window.vegaEmbed(place, specification, OPTIONS);
  figure.view = view;
  figure.dataset.state = "drawn";
}

async function draw(figure) {
  try {
    await interactive(figure);
  } catch {
    figure.dataset.state = "picture";
    picture(figure);
  }
}

function drawAll() {
  for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
}

dark.addEventListener("change", drawAll);
drawAll();
