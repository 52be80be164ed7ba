// The whole field of a contest: how its entries are spread, what each tier of the prizes takes now, who leads.

import { axis, Chart, colour } from '../charts.js';
import { compactText, countText, distributionColumns, distributionText, moneyText, ordinal, placesText, tiersOf } from '../contest.js';
import { el, setAttribute, setText } from '../dom.js';
import { formatChange, formatPoints, toUnits } from '../points.js';

const LINE_WIDTH = 2;
const MARK_HEIGHT = 9;

export class ContestField {
  node;
  #chart;
  #drawn = null;
  /** What the chart's lines are: `{from, to, money, mine: [{points, isChosen}]}`. */
  #lines = null;
  #tiers = el('tbody');
  #tiersPanel;
  #gapHead = el('th', { scope: 'col', title: 'From there to the chosen entry' });
  #leaders = el('ol', { class: 'field-leaders' });
  #note = el('p', { class: 'field-note' });

  constructor() {
    const host = el('div', { class: 'field-chart', id: 'field-chart', 'data-waiting': 'Drawn with the first points' });
    this.#chart = new Chart(host, (UPlot) => this.#options(UPlot));
    const heads = ['Place', 'Pays', 'Points now'].map((words) => el('th', { scope: 'col' }, words));
    const table = el('table', { class: 'tiers', id: 'tiers' }, el('caption', { class: 'hidden' }, 'What each tier of the prizes pays, and the points that its last place has now'),
      el('thead', {}, el('tr', {}, ...heads, this.#gapHead)), this.#tiers);
    // What scrolls can be reached by keyboard.
    this.#tiersPanel = el('div', { class: 'panel field-tiers' }, el('h3', {}, 'Cut lines'), el('div', { class: 'tiers-scroll', tabindex: '0', role: 'group', 'aria-label': 'Cut lines' }, table));
    this.node = el('div', { class: 'contest-field' },
      el('div', { class: 'panel field-spread' }, el('h3', {}, 'Points of all entries'), legend(), host, this.#note), this.#tiersPanel,
      el('div', { class: 'panel field-best' }, el('h3', {}, 'Leaders'), this.#leaders));
  }

  /** What the contest's topic shows, its payouts, my entries' views, and the one that is chosen (or null). */
  draw({ view, payouts, mine, chosen }) {
    this.#drawTiers(tiersOf(view.cuts ?? [], payouts), chosen);
    this.#drawLeaders(view.leaders ?? [], mine);
    const own = mine.map(({ entry, points }) => ({ points, isChosen: entry === chosen?.entry }));
    const reach = JSON.stringify([view.distribution, view.money_line, own]);
    if (reach === this.#drawn || !view.distribution) return;
    this.#drawn = reach;
    const { columns, from, to } = distributionColumns(view.distribution, view.money_line);
    this.#lines = { from, to, money: view.money_line ?? null, mine: own };
    this.#chart.set(columns, distributionText(view.distribution, view.money_line, mine.map(({ points }) => points)));
    setText(this.#note, Number.isFinite(view.money_line) ? `The money line is at ${formatPoints(toUnits(view.money_line))} points.` : 'No place is paid.');
  }

  #drawTiers(tiers, chosen) {
    this.#tiersPanel.hidden = tiers.length === 0;
    setText(this.#gapHead, chosen ? 'Gap' : '');
    this.#gapHead.hidden = !chosen;
    while (this.#tiers.children.length > tiers.length) this.#tiers.lastChild.remove();
    while (this.#tiers.children.length < tiers.length) this.#tiers.append(el('tr', {}, el('th', { scope: 'row' }), el('td'), el('td'), el('td')));
    tiers.forEach(({ from, place, payout, points }, i) => {
      const row = this.#tiers.children[i];
      const [places, pays, now, gap] = row.children;
      const units = chosen ? toUnits(chosen.points) - toUnits(points) : null;
      setText(places, placesText(from, place));
      setText(pays, moneyText(payout));
      setText(now, formatPoints(toUnits(points)));
      setText(gap, units === null ? '' : formatChange(units));
      gap.hidden = units === null;
      setAttribute(row, 'data-reached', units !== null && units >= 0 ? 'true' : null);
    });
  }

  #drawLeaders(leaders, mine) {
    const own = new Set(mine.map(({ entry }) => entry));
    while (this.#leaders.children.length > leaders.length) this.#leaders.lastChild.remove();
    while (this.#leaders.children.length < leaders.length) this.#leaders.append(el('li', {}, ...['leader-rank', 'name', 'leader-points', 'meta'].map((name) => el('span', { class: name }))));
    leaders.forEach(({ entry, name, points, rank, payout }, i) => {
      const row = this.#leaders.children[i];
      const [place, who, now, pays] = row.children;
      setText(place, ordinal(rank));
      setText(who, name ?? entry);
      setText(now, formatPoints(toUnits(points)));
      setText(pays, moneyText(payout));
      setAttribute(row, 'data-mine', own.has(entry) ? 'true' : null);
    });
  }

  #options(UPlot) {
    const bars = { paths: UPlot.paths.bars({ size: [0.92, 64], align: 0 }), points: { show: false }, width: 0 };
    return {
      padding: [14, 12, 0, 0], cursor: { show: false }, legend: { show: false },
      scales: { x: { time: false, range: () => [this.#lines.from, this.#lines.to] }, y: { range: (plot, min, max) => [0, Math.max(1, (max ?? 0) * 1.12)] } },
      series: [{}, { ...bars, fill: colour('--line-strong') }, { ...bars, fill: colour('--up-soft') }],
      axes: [axis({ size: 26, space: 60, grid: { show: false } }), axis({ size: 46, values: (plot, counts) => counts.map((count) => (Number.isInteger(count) ? compactText(count) : '')) })],
      hooks: { draw: [(plot) => this.#drawLines(plot)] },
    };
  }

  #drawLines(plot) {
    const { ctx, bbox: { left, top, height } } = plot;
    const x = (points) => Math.round(plot.valToPos(points, 'x', true));
    const ratio = devicePixelRatio;
    ctx.save();
    if (this.#lines.money !== null) {
      ctx.strokeStyle = colour('--ink');
      ctx.lineWidth = LINE_WIDTH * ratio;
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(Math.max(x(this.#lines.money), left), top);
      ctx.lineTo(Math.max(x(this.#lines.money), left), top + height);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    // The chosen one last, so that it is on top.
    for (const { points, isChosen } of [...this.#lines.mine].sort((a, b) => a.isChosen - b.isChosen)) {
      const [at, size] = [x(points), MARK_HEIGHT * ratio * (isChosen ? 1.35 : 1)];
      ctx.fillStyle = colour('--accent');
      ctx.globalAlpha = isChosen ? 1 : 0.6;
      ctx.fillRect(at - ratio, top, (isChosen ? 2 : 1) * ratio, height);
      ctx.beginPath();
      ctx.moveTo(at - size * 0.6, top - 2 * ratio);
      ctx.lineTo(at + size * 0.6, top - 2 * ratio);
      ctx.lineTo(at, top - 2 * ratio + size);
      ctx.fill();
    }
    ctx.restore();
  }
}

function legend() {
  return el('p', { class: 'legend', 'aria-hidden': 'true' }, el('span', { class: 'legend-line' }, 'Money line'), el('span', { class: 'legend-mine' }, 'Mine'));
}

/** "10,000 entries · DraftKings · $25,000 in prizes for 2,000 places". */
export function factsText({ entries, ruleset, pool, places }) {
  const prizes = places > 0 ? `${moneyText(pool)} in prizes for ${countText(places)} ${places === 1 ? 'place' : 'places'}` : 'no prizes';
  return [`${countText(entries)} ${entries === 1 ? 'entry' : 'entries'}`, ruleset, prizes].filter(Boolean).join(' · ');
}
