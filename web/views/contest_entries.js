// My entries of a contest: a row each, the best first. One is chosen, and shown at length beside.

import { countText, gapText, moneyText, oddsText, ordinal, tieText } from '../contest.js';
import { arrange, el, flash, setAttribute, setText } from '../dom.js';
import { toUnits } from '../points.js';
import { drawPoints } from './points_cell.js';

const HEADS = [['cell-rank', 'Rank'], ['cell-who', 'Entry'], ['cell-points', 'Points'], ['cell-payout', 'Pays now'], ['cell-gap', 'Money line'],
  ['cell-left', 'To play'], ['cell-cash', 'Cashes'], ['cell-expected', 'Expected']];

export class ContestEntries {
  node = el('table', { class: 'entries', role: 'table' });
  #body = el('tbody', { role: 'rowgroup' });
  #rows = new Map();
  #onChoose;
  #onRemove;

  /** `onChoose(entry)`, `onRemove(entry)`. */
  constructor({ onChoose, onRemove }) {
    this.#onChoose = onChoose;
    this.#onRemove = onRemove;
    const heads = HEADS.map(([name, words]) => el('th', { class: name, scope: 'col', role: 'columnheader' }, words));
    heads.push(el('th', { class: 'cell-remove', scope: 'col', role: 'columnheader' }, el('span', { class: 'hidden' }, 'Not mine')));
    this.node.append(el('caption', { class: 'hidden' }, 'My entries, the best first. Choosing one shows its players, its rank over time and what it needs.'),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...heads)), this.#body);
  }

  /** `entries` as of `ContestFeed`, `errorOf(entry)` the server's refusal or null, which one is chosen, and whether anything may be changed. */
  draw({ entries, errorOf, chosen, isOver, isReadOnly }) {
    for (const entry of this.#rows.keys()) if (!entries.has(entry)) this.#rows.delete(entry);
    setText(this.node.querySelector('thead .cell-payout'), isOver ? 'Paid' : 'Pays now');
    for (const [entry, { view }] of entries) {
      if (!this.#rows.has(entry)) this.#rows.set(entry, this.#makeRow(entry));
      drawRow(this.#rows.get(entry), { entry, view, error: errorOf(entry), isChosen: entry === chosen, isOver, isReadOnly });
    }
    // Before anything was drawn of what is to come, there is nothing to show of it.
    setAttribute(this.node, 'data-odds', [...entries.values()].some(({ view }) => view?.odds) ? 'true' : null);
    const rankOf = (entry) => entries.get(entry)?.view?.rank ?? Infinity;
    const order = [...this.#rows.keys()].sort((a, b) => (rankOf(a) === rankOf(b) ? (a < b ? -1 : 1) : rankOf(a) - rankOf(b)));
    arrange(this.#body, order.map((entry) => this.#rows.get(entry).tr));
  }

  #makeRow(entry) {
    const cell = (name, ...children) => el('td', { class: name, role: 'cell' }, ...children);
    const row = {
      rank: el('span', { class: 'rank' }), tie: el('span', { class: 'tie' }), moved: el('span', { class: 'change', 'aria-hidden': 'true' }),
      name: el('span', { class: 'name' }), meta: el('span', { class: 'meta' }),
      points: el('span', { class: 'points' }), change: el('span', { class: 'change', 'aria-hidden': 'true' }),
      payout: cell('cell-payout'), gap: cell('cell-gap'), left: cell('cell-left'), cash: cell('cell-cash'), expected: cell('cell-expected'),
      choose: el('button', { type: 'button', class: 'entry-choose' }), remove: el('button', { type: 'button', class: 'remove' }, '×'),
      drawnUnits: null, drawnRank: null,
    };
    row.choose.append(row.name, row.meta);
    row.choose.addEventListener('click', () => this.#onChoose(entry));
    row.remove.addEventListener('click', () => this.#onRemove(entry));
    row.tr = el('tr', { role: 'row', 'data-entry': entry }, cell('cell-rank', row.rank, row.moved, row.tie),
      el('th', { class: 'cell-who', scope: 'row', role: 'rowheader' }, row.choose), cell('cell-points', row.change, row.points),
      row.payout, row.gap, row.left, row.cash, row.expected, cell('cell-remove', row.remove));
    return row;
  }
}

function drawRow(row, { entry, view, error, isChosen, isOver, isReadOnly }) {
  const name = view?.name ?? entry;
  setText(row.name, name);
  setText(row.meta, error ? 'no such entry' : name === entry ? '' : entry);
  setAttribute(row.choose, 'aria-pressed', String(isChosen));
  setAttribute(row.tr, 'data-chosen', isChosen ? 'true' : null);
  setAttribute(row.remove, 'aria-label', `${name}: not mine`);
  row.remove.hidden = isReadOnly;
  drawRank(row, view?.rank ?? null);
  setText(row.tie, tieText(view?.tied));
  drawPoints(row, toUnits(view?.points));
  setText(row.payout, view ? moneyText(view.payout) : '');
  setAttribute(row.payout, 'data-paid', view?.payout > 0 ? 'true' : null);
  setText(row.gap, view ? gapText(view.to_money) : '');
  setAttribute(row.gap, 'data-above', view?.to_money >= 0 ? 'true' : null);
  setText(row.left, view ? String(view.players_left) : '');
  setText(row.cash, view?.odds ? oddsText(view.odds.cash, isOver ? 0 : view.odds.draws) : '–');
  setText(row.expected, view?.odds ? moneyText(view.odds.expected) : '–');
}

/** Writes a rank into `{rank, moved, drawnRank}`; a better one flashes up, with by how many places. */
export function drawRank(row, rank) {
  setText(row.rank, rank === null ? '–' : ordinal(rank));
  if (row.drawnRank !== null && rank !== null && rank !== row.drawnRank) {
    const isBetter = rank < row.drawnRank;
    setText(row.moved, `${isBetter ? '▲' : '▼'} ${countText(Math.abs(rank - row.drawnRank))}`);
    flash(row.rank, isBetter ? 'up' : 'down');
    flash(row.moved, isBetter ? 'up' : 'down');
  }
  row.drawnRank = rank;
}
