// Lines over time, by uPlot: drawn when first seen, in the page's colours, resized with their place.
//
// A canvas says nothing to a screen reader, so each chart is an image with a sentence, and the views
// put the figures beside it as text or as a table.

import { setAttribute } from './dom.js';

const SPAN_SECONDS_MIN = 60;

let library = null;
const charts = new Set();
const seen = typeof IntersectionObserver === 'undefined' ? null : new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) target.chart.setSeen(isIntersecting);
});
const sized = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver((entries) => {
  for (const { target } of entries) target.chart.resize();
});

async function load() {
  library ??= import('./vendor/uPlot.esm.js');
  try {
    return (await library).default;
  } catch {
    library = null;
    return null;
  }
}

/** The colour of a CSS variable as it is now, light or dark. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Chart {
  #host;
  #options;
  #data = null;
  #plot = null;
  #isSeen = false;
  #isDue = false;

  /** `options(UPlot)` gives uPlot's, without width and height, in the colours of the moment. */
  constructor(host, options) {
    this.#host = host;
    this.#options = options;
    host.chart = this;
    setAttribute(host, 'role', 'img');
    charts.add(this);
    seen.observe(host);
    sized.observe(host);
  }

  /** uPlot's columns, and what they show in a sentence. Drawn at once only where it is in sight. */
  set(data, label) {
    this.#data = data;
    setAttribute(this.#host, 'aria-label', label);
    // Without a point there is no time to draw an axis of.
    if (data[0].length === 0) this.#erase();
    this.#host.classList.toggle('is-waiting', this.#plot === null);
    this.#isDue = true;
    if (this.#isSeen) this.#draw();
  }

  setSeen(isSeen) {
    this.#isSeen = isSeen;
    if (isSeen && this.#isDue) this.#draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (this.#plot && width > 0 && (width !== this.#plot.width || height !== this.#plot.height)) this.#plot.setSize({ width, height });
  }

  /** Anew with the colours of now. */
  recolour() {
    this.#erase();
    if (this.#isSeen && this.#data) this.#draw();
  }

  remove() {
    charts.delete(this);
    seen.unobserve(this.#host);
    sized.unobserve(this.#host);
    this.#erase();
    this.#data = null;
  }

  #erase() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  async #draw() {
    const UPlot = await load();
    // Without the library, just now, the next change tries again.
    if (UPlot === null) return;
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (!this.#data || width === 0 || height === 0) return;
    if (this.#data[0].length === 0) return;
    this.#isDue = false;
    if (this.#plot) this.#plot.setData(this.#data);
    else this.#plot = new UPlot({ ...this.#options(UPlot), width, height }, this.#data, this.#host);
    this.#host.classList.remove('is-waiting');
  }
}

/** An axis in the page's colours; `more` is uPlot's. */
export function axis(more = {}) {
  return {
    stroke: colour('--ink-soft'), font: '12px system-ui, sans-serif', gap: 6,
    grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, ...more,
  };
}

/** A thin line without axes. */
export function sparkline(scales, series) {
  return {
    padding: [2, 2, 2, 2], cursor: { show: false }, legend: { show: false },
    axes: [{ show: false }, { show: false }], scales, series,
  };
}

/** The span of a time axis: what there is, but a minute at least. */
export function timeRange(plot, min, max) {
  // Of a single point uPlot makes a span of years.
  const last = (plot.data[0].length > 1 ? max : min) ?? 0;
  return [Math.min(min ?? 0, last - SPAN_SECONDS_MIN), last];
}

/** A time axis in the reader's own time: "20:14", with seconds where they tell the ticks apart. */
export function timeAxis() {
  const values = (plot, seconds, index, space, step) => seconds.map((s) => new Date(s * 1000).toLocaleTimeString(undefined, {
    hour: 'numeric', minute: '2-digit', hourCycle: 'h23', ...(step < 60 && { second: '2-digit' }),
  }));
  return axis({ size: 26, space: 84, values });
}

if (typeof matchMedia !== 'undefined') {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { for (const chart of charts) chart.recolour(); });
}
