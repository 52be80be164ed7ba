// Pulse: how fast and how whole the scores arrive, now and over the last ten minutes.

import { axis, Chart, colour, timeAxis, timeRange } from '../charts.js';
import { nowUs } from '../connection.js';
import { el, setText } from '../dom.js';
import { millisecondsText, rateText } from '../vitals.js';
import { STATE_WORDS } from './status.js';

const DRAW_EVERY_MS = 1_000;
const TABLE_ROWS = 12;

const FIGURES = [
  ['server', 'Server to you', 'From the server’s encoder to this page'],
  ['feed', 'Feed to you', 'From the feed’s own clock to this page, where that clock is right'],
  ['rate', 'Updates', 'Changes received, mean of the last three seconds'],
  ['merged', 'Merged', 'Frames that stood for several changes, because this page or its network was busy'],
  ['state', 'Connection', 'As the client sees it now'],
  ['reconnects', 'Reconnects', 'Times that the connection was lost since the page was opened'],
  ['gaps', 'Gaps', 'Frames that did not follow the one before; each would be a fault of the server’s, and is mended with a snapshot'],
  ['frames', 'Frame times', 'From one picture to the next while something moves: median, 99th percentile, longest'],
];

export class Pulse {
  #figures = new Map();
  #connection;
  #vitals;
  #frameTimes;
  #isShown = false;
  #charts;
  #rows = el('tbody');

  constructor(section, { connection, vitals, frameTimes }) {
    this.#connection = connection;
    this.#vitals = vitals;
    this.#frameTimes = frameTimes;
    const list = el('dl', { class: 'figures' });
    for (const [name, words, hint] of FIGURES) {
      const value = el('dd', { id: `pulse-${name}` }, '–');
      const small = el('dd', { class: 'figure-small' });
      this.#figures.set(name, { value, small });
      list.append(el('div', { class: 'figure', title: hint }, el('dt', {}, words), value, small));
    }
    const [ages, rates] = [chartHost(), chartHost()];
    this.#charts = { ages: new Chart(ages, agesOptions), rates: new Chart(rates, ratesOptions) };
    section.replaceChildren(
      el('div', { class: 'view-head' }, el('h2', {}, 'Pulse'), el('p', {}, 'How fast the scores get here')),
      el('div', { class: 'panel' }, list),
      el('div', { class: 'pulse-charts' },
        el('div', { class: 'panel' }, el('h3', {}, 'Latency, median of five seconds'), legend(), ages),
        el('div', { class: 'panel' }, el('h3', {}, 'Updates a second'), rates)),
      el('details', { class: 'panel pulse-table' }, el('summary', {}, 'The last minute as a table'),
        el('table', {}, el('thead', {}, el('tr', {}, ...['Time', 'Server to you', 'Feed to you', 'Updates'].map((words) => el('th', { scope: 'col' }, words)))), this.#rows)));
    setInterval(() => this.draw(), DRAW_EVERY_MS);
  }

  setShown(isShown) {
    this.#isShown = isShown;
    this.draw();
  }

  draw() {
    if (!this.#isShown) return;
    const atUs = nowUs();
    const { server, feed } = this.#vitals.now(atUs);
    const { state, reconnects, gaps, roundTripUs } = this.#connection;
    const frames = this.#frameTimes.summary();
    this.#set('server', age(server), server ? `95th percentile ${millisecondsText(server.p95Us)}` : '');
    this.#set('feed', age(feed), feed ? `95th percentile ${millisecondsText(feed.p95Us)}` : 'the feed’s clock says nothing');
    this.#set('rate', rateText(this.#vitals.perSecond(atUs)), `${this.#vitals.updates.toLocaleString()} in all`);
    this.#set('merged', this.#vitals.mergedFrames.toLocaleString(), `${this.#vitals.mergedChanges.toLocaleString()} changes saved`);
    this.#set('state', STATE_WORDS[state] ?? state, roundTripUs === null ? '' : `round trip ${millisecondsText(roundTripUs)}`);
    this.#set('reconnects', String(reconnects), '');
    this.#set('gaps', String(gaps), gaps === 0 ? 'every change came in order' : 'each mended with a snapshot');
    this.#set('frames', frames ? `${frames.p50.toFixed(0)} ms` : '–', frames ? `99% ${frames.p99.toFixed(0)} · longest ${frames.longest.toFixed(0)} ms` : '');
    this.#drawHistory(this.#vitals.history(atUs));
  }

  #drawHistory(rows) {
    const ms = (one) => (one === null ? null : one.medianUs / 1000);
    const at = rows.map(({ atS }) => atS);
    this.#charts.ages.set([at, rows.map((row) => ms(row.server)), rows.map((row) => ms(row.feed))], 'Latency over the last minutes; the table below has the figures');
    this.#charts.rates.set([at, rows.map((row) => row.perSecond)], 'Updates a second over the last minutes; the table below has the figures');
    const shown = rows.slice(-TABLE_ROWS).reverse();
    while (this.#rows.children.length < shown.length) this.#rows.append(el('tr', {}, el('th', { scope: 'row' }), el('td'), el('td'), el('td')));
    shown.forEach((row, i) => {
      const cells = this.#rows.children[i].children;
      setText(cells[0], new Date(row.atS * 1000).toLocaleTimeString());
      setText(cells[1], age(row.server));
      setText(cells[2], age(row.feed));
      setText(cells[3], rateText(row.perSecond));
    });
  }

  #set(name, value, small) {
    const figure = this.#figures.get(name);
    setText(figure.value, value);
    setText(figure.small, small);
  }
}

function age(one) {
  return one ? millisecondsText(one.medianUs) : '–';
}

function legend() {
  return el('p', { class: 'legend', 'aria-hidden': 'true' }, el('span', { class: 'legend-server' }, 'Server to you'), el('span', { class: 'legend-feed' }, 'Feed to you'));
}

function overTime(more) {
  return {
    padding: [10, 30, 0, 0], cursor: { y: false, points: { show: false } }, legend: { show: false },
    scales: { x: { time: true, range: timeRange }, y: { range: (plot, min, max) => [0, Math.max(10, (max ?? 0) * 1.15)] } },
    axes: [timeAxis(), axis({ size: 44 })], ...more,
  };
}

function line(stroke, more = {}) {
  return { stroke: colour(stroke), width: 2, points: { show: false }, spanGaps: true, ...more };
}

function agesOptions() {
  return overTime({ series: [{}, line('--accent'), line('--ink-soft', { dash: [4, 4] })] });
}

function ratesOptions() {
  return overTime({ series: [{}, line('--accent', { fill: colour('--accent-soft') })] });
}

function chartHost() {
  return el('div', { class: 'pulse-chart', 'data-waiting': 'Drawn in a few seconds' });
}
