// One entry of mine at length: where it stands, what is thought to become of it, its rank and points over time, and
// what each of its players needs.

import { axis, Chart, colour, timeAxis, timeRange } from '../charts.js';
import { compactText, countText, gapText, moneyText, nextTier, oddsText, ordinal, placesText, splitNeed, tieText } from '../contest.js';
import { el, setAttribute, setText } from '../dom.js';
import { expectedText } from '../forecasts.js';
import { gameLine } from '../games.js';
import { displayName, metaText } from '../people.js';
import { formatChange, formatPoints, toUnits } from '../points.js';
import { statLine } from '../stats.js';
import { drawRank } from './contest_entries.js';
import { drawPoints } from './points_cell.js';
import { TeamNews } from './team_news.js';

// From so many entries on a linear axis shows nothing of the places that are paid well.
const LOGARITHMIC_FROM = 100;

const FIGURES = [['payout', 'Pays now'], ['gap', 'Money line'], ['ahead', 'Ahead of'], ['left', 'Players to play']];
const ODDS = [['win', 'Wins'], ['top1', 'Best 1%'], ['cash', 'Cashes'], ['expected', 'Expected']];

export class ContestEntry {
  node;
  #head;
  #figures = new Map();
  #odds;
  #oddsNote = el('p', { class: 'odds-note' });
  #need = el('p', { class: 'need-words', id: 'need' });
  #slots = el('ol', { class: 'needs', id: 'needs' });
  #rows = [];
  #shape = null;
  #news = new TeamNews('entry-news');
  #newsPanel;
  #rankChart;
  #pointsChart;
  #size = { entries: 2, places: 0 };

  constructor() {
    this.#head = {
      name: el('h3', { class: 'entry-name' }), rank: el('span', { class: 'rank-value', id: 'entry-rank' }), moved: el('span', { class: 'change', 'aria-hidden': 'true' }),
      of: el('span', { class: 'rank-of' }), points: el('span', { class: 'total-value', id: 'entry-points' }), change: el('span', { class: 'change', 'aria-hidden': 'true' }),
      drawnUnits: null, drawnRank: null,
    };
    const [rankHost, pointsHost] = ['rank-chart', 'entry-curve'].map((id) => el('div', { class: 'entry-chart', id, 'data-waiting': 'Drawn from the next change on' }));
    this.#rankChart = new Chart(rankHost, (UPlot) => rankOptions(UPlot, this.#size));
    this.#pointsChart = new Chart(pointsHost, pointsOptions);
    this.#odds = el('div', { class: 'odds' }, this.#list(ODDS), this.#oddsNote);
    this.#newsPanel = el('div', { class: 'panel news-panel' }, el('h3', {}, 'Just happened'), this.#news.node);
    const { name, rank, moved, of, points, change } = this.#head;
    this.node = el('section', { class: 'entry', 'aria-label': 'The chosen entry' },
      el('div', { class: 'panel entry-head' }, name,
        el('p', { class: 'entry-place' }, rank, of, moved), el('p', { class: 'total' }, points, el('span', { class: 'total-words' }, 'points'), change), this.#list(FIGURES), this.#odds),
      el('div', { class: 'entry-columns' },
        el('div', { class: 'panel needs-panel' }, el('div', { class: 'needs-head' }, el('h3', {}, 'What each player needs'), this.#need), this.#slots),
        el('div', { class: 'entry-side' },
          el('div', { class: 'panel entry-line' }, el('h3', {}, 'Rank over time'), legend('Rank', 'Last paid place'), rankHost),
          el('div', { class: 'panel entry-line' }, el('h3', {}, 'Points over time'), legend('Points', 'Money line'), pointsHost),
          this.#newsPanel)));
  }

  /** Another entry, or the same in another contest: nothing flashes, and the axis of ranks is as long as the field. */
  begin({ entries, places }) {
    Object.assign(this.#head, { drawnUnits: null, drawnRank: null });
    for (const part of [this.#head.moved, this.#head.change]) setText(part, '');
    this.#shape = null;
    this.#size = { entries, places };
    this.#rankChart.recolour();
  }

  /**
   * `view` of the entry, the tiers (best first), its slots as `slotsOf` makes them, what just happened, who players are, and
   * of how many players of the contest nothing is forecast.
   */
  draw({ view, tiers, slots, recent, identityOf, unprojected, isOver }) {
    const { name, of } = this.#head;
    setText(name, view.name ?? view.entry);
    drawRank(this.#head, view.rank);
    const tie = tieText(view.tied);
    setText(of, `of ${countText(view.entries)}${tie ? `, ${tie}` : ''}`);
    drawPoints(this.#head, toUnits(view.points));
    this.#set('payout', moneyText(view.payout), isOver ? 'Paid' : 'Pays now');
    this.#set('gap', gapText(view.to_money) || '–');
    this.#set('ahead', `${view.percentile}%`);
    this.#set('left', `${view.players_left} of ${slots.length}`);
    this.#drawOdds(view.odds, unprojected, isOver);
    this.#drawNeeds(view, tiers, slots, isOver);
    this.#newsPanel.hidden = recent.length === 0;
    this.#news.draw(recent, identityOf);
  }

  /** Columns as of `RankHistory`. */
  drawCurves([seconds, ranks, points, lines]) {
    const places = ranks.map(() => (this.#size.places > 0 ? this.#size.places : null));
    const told = (list, words) => (list.length === 0 ? 'nothing yet' : `from ${words(list[0])} to ${words(list.at(-1))}`);
    this.#rankChart.set([seconds, ranks, places], `Rank over time: ${told(ranks, ordinal)}${this.#size.places > 0 ? `; the last paid place is ${ordinal(this.#size.places)}` : ''}`);
    const line = lines.at(-1) ?? null;
    this.#pointsChart.set([seconds, points, lines], `Points over time: ${told(points, (one) => one.toFixed(2))}${line === null ? '' : `; the money line is at ${line.toFixed(2)}`}`);
  }

  #drawOdds(odds, unprojected, isOver) {
    this.#odds.hidden = !odds || isOver;
    if (!odds) return;
    for (const name of ['win', 'top1', 'cash']) this.#set(name, oddsText(odds[name], odds.draws));
    this.#set('expected', moneyText(odds.expected));
    const without = unprojected > 0 ? `; nothing is forecast of ${countText(unprojected)} players to play, who are taken to add nothing` : '';
    setText(this.#oddsNote, `The rest drawn ${countText(odds.draws)} times at ${new Date(odds.at / 1000).toLocaleTimeString()}${without}`);
  }

  #drawNeeds(view, tiers, slots, isOver) {
    const next = nextTier(tiers, toUnits(view.points));
    const needs = next ? splitNeed(slots, next.units) : new Map();
    setText(this.#need, needWords(next, { tiers, isLeft: slots.some(({ isLeft }) => isLeft), isOver }));
    const shape = slots.map(({ slot, player }) => `${slot} ${player}`).join();
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#rows = slots.map(makeSlot);
      this.#slots.replaceChildren(...this.#rows.map(({ item }) => item));
    }
    slots.forEach((slot, i) => drawSlot(this.#rows[i], slot, needs.get(slot.player) ?? null));
  }

  #list(figures) {
    const list = el('dl', { class: 'entry-figures' });
    for (const [name, words] of figures) {
      const [term, value] = [el('dt', {}, words), el('dd', { 'data-figure': name }, '–')];
      this.#figures.set(name, { term, value });
      list.append(el('div', {}, term, value));
    }
    return list;
  }

  #set(name, text, words) {
    const { term, value } = this.#figures.get(name);
    setText(value, text);
    if (words) setText(term, words);
  }
}

/**
 * The slots of an entry for `draw`: what each has, whether his game goes on, what he is thought to end with, and how
 * much of that is still to come. `pointsOf(player)` is what the players' own topic says, with name, game and stats.
 */
export function slotsOf(view, { pointsOf, identityOf, games, expectedOf }) {
  return (view.slots ?? []).map(({ slot, player, points, multiplier = 1 }) => {
    const who = { ...identityOf(player), ...pointsOf(player), player };
    // Who has not played yet is in no game that frames tell of, but his team is in one of the slate's.
    const game = games.get(who.game) ?? [...games.values()].find(({ home, away }) => who.team !== undefined && [home, away].includes(who.team));
    const isLeft = game?.status !== 'final';
    const units = toUnits(points) ?? 0;
    const said = isLeft ? expectedOf(who) : null;
    const expected = said && { ...said, points: said.points * multiplier, low: said.low * multiplier, high: said.high * multiplier };
    return { slot, player, multiplier, who, game, units, isLeft, expected, restUnits: expected ? Math.max(0, toUnits(expected.points) - units) : null };
  });
}

function needWords(next, { tiers, isLeft, isOver }) {
  if (tiers.length === 0) return 'No place is paid here.';
  if (isOver) return 'All games are over.';
  if (!next) return 'In the best tier of the prizes: nothing is above it.';
  const reach = `${formatPoints(next.units)} more ${next.units === 10_000 ? 'point' : 'points'} reach ${placesText(next.from, next.place)} (${moneyText(next.payout)}) as the lines stand now`;
  return isLeft ? `${reach}, split by what each is thought to add.` : `${reach}, but nobody is left to play.`;
}

function makeSlot({ slot, player, multiplier }) {
  const row = {
    name: el('span', { class: 'name' }), meta: el('span', { class: 'meta' }), stats: el('span', { class: 'slot-stats' }), game: el('span', { class: 'slot-game' }),
    points: el('span', { class: 'points' }), change: el('span', { class: 'change', 'aria-hidden': 'true' }), expected: el('span', { class: 'expected' }),
    need: el('span', { class: 'need' }), drawnUnits: null,
  };
  const label = el('span', { class: 'slot-label' }, slot);
  if (multiplier !== 1) label.append(el('span', { class: 'slot-times' }, `${multiplier}×`));
  row.item = el('li', { class: 'need-slot', 'data-player': player }, label, el('span', { class: 'slot-who' }, row.name, row.meta, row.stats, row.game),
    el('span', { class: 'slot-points' }, row.points, row.change, row.expected), row.need);
  return row;
}

function drawSlot(row, { who, game, units, isLeft, expected }, needUnits) {
  setText(row.name, displayName(who));
  setText(row.meta, metaText(who));
  setText(row.stats, statLine(who.stats ?? {}));
  setText(row.game, gameLine(game));
  setText(row.expected, expectedText(expected));
  drawPoints(row, units);
  setAttribute(row.item, 'data-over', isLeft ? null : 'true');
  const words = !isLeft ? 'done' : needUnits === null ? '' : formatChange(needUnits);
  setText(row.need, words);
  setAttribute(row.need, 'aria-label', isLeft && needUnits !== null ? `needs ${formatPoints(needUnits)} more` : null);
  setAttribute(row.need, 'role', isLeft && needUnits !== null ? 'img' : null);
}

function legend(...words) {
  return el('p', { class: 'legend', 'aria-hidden': 'true' }, ...words.map((one, i) => el('span', i > 0 ? { class: 'legend-feed' } : {}, one)));
}

// 1 is on top. Of many entries each power of ten has as much room as the next.
function rankOptions(UPlot, { entries, places }) {
  const isLogarithmic = entries > LOGARITHMIC_FROM;
  const decade = (rank, round) => 10 ** round(Math.log10(Math.max(1, rank)));
  const range = (plot, min, max) => {
    const [low, high] = [Math.min(min ?? 1, places || Infinity), Math.max(max ?? entries, places)];
    if (!isLogarithmic) return [1, Math.max(2, high)];
    const [from, to] = [decade(low, Math.floor), decade(high, Math.ceil)];
    return [from, to > from ? to : from * 10];
  };
  const values = (plot, ranks) => ranks.map((rank) => (Number.isInteger(rank) ? compactText(rank) : ''));
  const powers = (plot, index, from, to) => Array.from({ length: Math.round(Math.log10(to / from)) + 1 }, (_, i) => from * 10 ** i);
  return {
    padding: [10, 30, 0, 0], cursor: { y: false, points: { show: false } }, legend: { show: false },
    scales: { x: { time: true, range: timeRange }, y: { dir: -1, range, ...(isLogarithmic && { distr: 3 }) } },
    series: [{}, line(UPlot, '--accent'), line(UPlot, '--ink-soft', { dash: [4, 4] })],
    axes: [timeAxis(), axis({ size: 44, values, ...(isLogarithmic && { splits: powers }) })],
  };
}

function pointsOptions(UPlot) {
  return {
    padding: [10, 30, 0, 0], cursor: { y: false, points: { show: false } }, legend: { show: false },
    scales: { x: { time: true, range: timeRange }, y: { range: (plot, min, max) => [Math.min(0, min ?? 0), Math.max(10, (max ?? 0) * 1.08)] } },
    series: [{}, line(UPlot, '--accent', { fill: colour('--accent-soft') }), line(UPlot, '--ink-soft', { dash: [4, 4] })],
    axes: [timeAxis(), axis({ size: 44 })],
  };
}

// What is told at one moment holds until the next.
function line(UPlot, stroke, more = {}) {
  return { stroke: colour(stroke), width: 2, paths: UPlot.paths.stepped({ align: 1 }), points: { show: false }, ...more };
}
