// The player list: filter, sort, and points that flash. Draws only rows on screen, and of those
// only the cells that changed.

import { arrange, el, flash, setAttribute, setText, slide } from './dom.js';
import { expectedSentence, expectedText } from './forecasts.js';
import { matchText } from './games.js';
import { formatChange, formatPoints } from './points.js';
import { statLine } from './stats.js';

const POSITIONS = ['QB', 'RB', 'WR', 'TE', 'K', 'DST'];
const ROWS_FIRST = 50;
const ROWS_MORE = 100;
// Rows that jump under the eye can't be read, and under the pointer they can't be clicked.
const REORDER_EVERY_MS = 1_500;
const POINTER_REST_MS = 1_500;

const COMPARE = {
  points: (a, b) => (b.units ?? -Infinity) - (a.units ?? -Infinity) || byName(a, b),
  name: byName,
};

export class PlayerList {
  #nodes;
  #model;
  #picks;
  #rows = new Map();
  #filter = { text: '', team: '', position: '', game: null };
  #sort = { by: 'points', sign: 1 };
  #rowsShown = ROWS_FIRST;
  #reorderTimer = null;
  #pointerMovedAtMs = 0;

  /** `picks` answers `has(id)` and takes `toggle(player)`; `onSearch(text)` may bring in more. */
  constructor(nodes, model, picks, { onSearch }) {
    this.#nodes = nodes;
    this.#model = model;
    this.#picks = picks;
    nodes.search.addEventListener('input', () => {
      const text = nodes.search.value.trim();
      this.#setFilter({ text: text.toLocaleLowerCase() });
      onSearch(text);
    });
    nodes.team.addEventListener('change', () => this.#setFilter({ team: nodes.team.value }));
    nodes.more.addEventListener('click', () => {
      this.#rowsShown += ROWS_MORE;
      this.drawAll();
    });
    nodes.rows.addEventListener('pointermove', () => { this.#pointerMovedAtMs = Date.now(); });
    for (const button of nodes.sorts) button.addEventListener('click', () => this.#sortBy(button.dataset.sort));
    this.#makePositionButtons();
  }

  showGame(game) {
    this.#setFilter({ game });
  }

  /** Everything anew: who is listed, in which order, and every cell. */
  drawAll() {
    clearTimeout(this.#reorderTimer);
    this.#reorderTimer = null;
    this.#drawTeams();
    const listed = [...this.#model.players.values()].filter((player) => this.#isListed(player));
    const compare = COMPARE[this.#sort.by];
    listed.sort((a, b) => this.#sort.sign * compare(a, b));
    const shown = listed.slice(0, this.#rowsShown);
    arrange(this.#nodes.rows, shown.map((player) => this.#row(player).tr));
    const keep = new Set(shown.map((player) => player.player));
    for (const id of this.#rows.keys()) if (!keep.has(id)) this.#rows.delete(id);
    this.#drawGameFilter();
    this.#drawFoot(listed.length, shown.length);
  }

  /** The players whose points or stats moved. */
  draw(changed) {
    for (const id of changed) {
      const row = this.#rows.get(id);
      if (row) this.#drawRow(row, this.#model.players.get(id));
    }
    if (changed.size > 0 && this.#sort.by === 'points') this.#reorderSoon();
  }

  /** A player was picked or let go. */
  drawPicked(id) {
    const row = this.#rows.get(id);
    if (row) this.#drawPick(row, this.#model.players.get(id));
  }

  #row(player) {
    let row = this.#rows.get(player.player);
    if (!row) {
      row = this.#makeRow(player.player);
      this.#rows.set(player.player, row);
    }
    this.#drawRow(row, player);
    this.#drawPick(row, player);
    return row;
  }

  #makeRow(id) {
    const button = el('button', { type: 'button', class: 'pick' });
    const name = el('span', { class: 'name' });
    const meta = el('span', { class: 'meta' });
    const stats = el('td', { class: 'cell-stats', role: 'cell' });
    const change = el('span', { class: 'change', 'aria-hidden': 'true' });
    const points = el('span', { class: 'points' });
    const expected = el('span', { class: 'expected', 'aria-hidden': 'true' });
    const expectedSpoken = el('span', { class: 'hidden' });
    const tr = el('tr', { 'data-player': id, role: 'row' },
      el('td', { class: 'cell-pick', role: 'cell' }, button),
      el('td', { class: 'cell-who', role: 'cell' }, name, meta),
      stats,
      el('td', { class: 'cell-points', role: 'cell' }, change, points, expected, expectedSpoken));
    button.addEventListener('click', () => this.#picks.toggle(this.#model.players.get(id)));
    return { tr, button, name, meta, stats, change, points, expected, expectedSpoken, drawnUnits: null };
  }

  #drawRow(row, player) {
    setText(row.name, displayName(player));
    setText(row.meta, metaText(player));
    setText(row.stats, statLine(player.stats));
    drawPoints(row, player.units);
    const expected = this.#model.expectedOf(player);
    setText(row.expected, expectedText(expected));
    setText(row.expectedSpoken, expected ? expectedSentence(expected) : '');
    setAttribute(row.expected, 'title', expected ? expectedSentence(expected) : null);
    // A line that was there once keeps its room.
    if (expected) row.expected.dataset.kept = 'true';
  }

  #drawPick(row, player) {
    const isPicked = this.#picks.has(player.player);
    setAttribute(row.button, 'aria-pressed', String(isPicked));
    setAttribute(row.button, 'aria-label', `${displayName(player)}: my player`);
    setText(row.button, isPicked ? '✓' : '+');
  }

  #isListed(player) {
    const { text, team, position, game } = this.#filter;
    return (!team || player.team === team)
      && (!position || positionOf(player) === position)
      && (!game || player.game === game)
      && (!text || `${displayName(player)} ${player.team ?? ''}`.toLocaleLowerCase().includes(text));
  }

  #setFilter(part) {
    Object.assign(this.#filter, part);
    this.#rowsShown = ROWS_FIRST;
    this.drawAll();
  }

  #sortBy(by) {
    const isAgain = this.#sort.by === by;
    this.#sort = { by, sign: isAgain ? -this.#sort.sign : 1 };
    for (const button of this.#nodes.sorts) {
      const isActive = button.dataset.sort === by;
      // Points start with the highest, names with A.
      const isDescending = (by === 'points') === (this.#sort.sign === 1);
      setAttribute(button.parentElement, 'aria-sort', isActive ? (isDescending ? 'descending' : 'ascending') : null);
    }
    this.drawAll();
  }

  #reorderSoon() {
    if (this.#reorderTimer !== null) return;
    this.#reorderTimer = setTimeout(() => {
      this.#reorderTimer = null;
      if (Date.now() - this.#pointerMovedAtMs < POINTER_REST_MS) this.#reorderSoon();
      else slide(this.#nodes.rows, () => this.drawAll());
    }, REORDER_EVERY_MS);
  }

  #makePositionButtons() {
    for (const position of ['', ...POSITIONS]) {
      const input = el('input', { type: 'radio', name: 'position', value: position });
      input.checked = position === '';
      input.addEventListener('change', () => this.#setFilter({ position }));
      this.#nodes.positions.append(el('label', { class: 'chip' }, input, el('span', {}, position || 'All')));
    }
  }

  #drawTeams() {
    const teams = [...new Set([...this.#model.games.values()].flatMap((game) => [game.home, game.away]))]
      .filter(Boolean).sort();
    const select = this.#nodes.team;
    if (select.options.length === teams.length + 1) return;
    select.replaceChildren(select.options[0], ...teams.map((team) => el('option', { value: team }, team)));
    select.value = teams.includes(this.#filter.team) ? this.#filter.team : '';
    this.#filter.team = select.value;
  }

  #drawGameFilter() {
    const button = this.#nodes.gameFilter;
    const game = this.#filter.game === null ? null : this.#model.games.get(this.#filter.game);
    button.hidden = !game;
    if (!game) return;
    setText(button, `${matchText(game)} ×`);
    setAttribute(button, 'aria-label', `Only ${matchText(game)}; show all games`);
  }

  #drawFoot(listedCount, shownCount) {
    const { rowsHint, more } = this.#nodes;
    rowsHint.hidden = listedCount > 0;
    setText(rowsHint, this.#model.players.size === 0
      ? 'Nobody has a stat yet. Players appear with their first play.'
      : 'Nobody matches.');
    more.hidden = shownCount === listedCount;
    setText(more, `Show more (${listedCount - shownCount} left)`);
  }
}

/** What a player is called, also before a name has arrived. */
export function displayName({ player, name }) {
  return name || (player.startsWith('dst:') ? `${player.slice(4)} defence` : player);
}

/** "NE · QB". */
export function metaText(player) {
  return [player.team, positionOf(player)].filter(Boolean).join(' · ');
}

/** Writes points into `{points, change}` and flashes where they moved since last drawn. */
export function drawPoints(row, units) {
  setText(row.points, formatPoints(units));
  if (row.drawnUnits !== null && units !== null && units !== row.drawnUnits) {
    setText(row.change, formatChange(units - row.drawnUnits));
    const direction = units > row.drawnUnits ? 'up' : 'down';
    flash(row.points, direction);
    flash(row.change, direction);
  } else if (units === null) {
    // Another ruleset: what moved under the old one says nothing now.
    setText(row.change, '');
  }
  row.drawnUnits = units;
}

function positionOf({ player, position }) {
  return player.startsWith('dst:') ? 'DST' : position ?? '';
}

function byName(a, b) {
  return displayName(a).localeCompare(displayName(b)) || (a.player < b.player ? -1 : 1);
}
