// The leaders: up to 300 rows, sorted and filtered. Of a row only the cells that changed are touched, and of
// the order only the rows that moved.

import { arrange, el, isStill, setAttribute, setText } from '../dom.js';
import { expectedSentence, expectedShort } from '../forecasts.js';
import { matchText } from '../games.js';
import { displayName, metaText, positionOf } from '../people.js';
import { statLine } from '../stats.js';
import { drawPoints } from './points_cell.js';

const POSITIONS = ['QB', 'RB', 'WR', 'TE', 'K', 'DST'];
const ROWS_MAX = 300;
// Rows that jump under the eye can't be read, and under the pointer they can't be clicked.
const REORDER_EVERY_MS = 1_500;
const HANDS_REST_MS = 1_500;
const SLIDE_MS = 350;
const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -ROWS_MAX, End: ROWS_MAX };

export class Leaders {
  #nodes;
  #model;
  #team;
  #rows = new Map();
  #order = [];
  #filter = { text: '', team: '', position: '', game: null };
  #sort = { by: 'points', sign: 1 };
  #isShown = false;
  #reorderTimer = null;
  #handsAtMs = -Infinity;
  #active = null;

  /** `team` answers `has(id)` and takes `toggle(player)`; `onSearch(text)` may bring in more. */
  constructor(nodes, model, team, { onSearch }) {
    this.#nodes = nodes;
    this.#model = model;
    this.#team = team;
    nodes.search.addEventListener('input', () => {
      const text = nodes.search.value.trim();
      this.#setFilter({ text: text.toLocaleLowerCase() });
      onSearch(text);
    });
    nodes.team.addEventListener('change', () => this.#setFilter({ team: nodes.team.value }));
    nodes.gameFilter.addEventListener('click', () => {
      this.showGame(null);
      // The button is gone now; the keyboard goes on where it stood.
      nodes.search.focus({ preventScroll: true });
    });
    nodes.rows.addEventListener('pointermove', () => { this.#handsAtMs = performance.now(); });
    nodes.rows.addEventListener('keydown', (event) => this.#move(event));
    nodes.rows.addEventListener('focusin', (event) => this.#activate(event.target.closest('tr')?.dataset.player));
    for (const button of nodes.sorts) button.addEventListener('click', () => this.#sortBy(button.dataset.sort));
    this.#makePositionButtons();
  }

  /** Hidden, nothing is drawn; shown, all of it. */
  setShown(isShown) {
    this.#isShown = isShown;
    if (isShown) this.drawAll();
  }

  showGame(game) {
    this.#setFilter({ game });
  }

  /** Everything anew: who is listed, in which order, and every cell. */
  drawAll() {
    if (!this.#isShown) return;
    clearTimeout(this.#reorderTimer);
    this.#reorderTimer = null;
    this.#drawTeams();
    const listed = this.#listed();
    this.#arrange(listed.slice(0, ROWS_MAX), true);
    const keep = new Set(this.#order);
    for (const id of this.#rows.keys()) if (!keep.has(id)) this.#rows.delete(id);
    this.#drawGameFilter();
    this.#drawFoot(listed.length);
  }

  /** The players whose points or stats moved. */
  draw(changed) {
    if (!this.#isShown) return;
    for (const id of changed) {
      const row = this.#rows.get(id);
      if (row) this.#drawRow(row, this.#model.players.get(id));
    }
    if (changed.size > 0 && this.#sort.by !== 'name') this.#reorderSoon();
  }

  /** My team is another. */
  drawPicked() {
    for (const [id, row] of this.#rows) this.#drawPick(row, this.#model.players.get(id));
  }

  #listed() {
    const listed = [...this.#model.players.values()].filter((player) => this.#isListed(player));
    const compare = this.#compare();
    return listed.sort((a, b) => this.#sort.sign * compare(a, b) || byName(a, b));
  }

  #compare() {
    const expected = (player) => this.#model.expectedOf(player)?.points ?? -Infinity;
    const descending = (a, b) => (a === b ? 0 : b - a);
    switch (this.#sort.by) {
      case 'name': return byName;
      case 'game': return (a, b) => this.#gameText(a).localeCompare(this.#gameText(b)) || descending(a.units ?? -Infinity, b.units ?? -Infinity);
      case 'expected': return (a, b) => descending(expected(a), expected(b));
      default: return (a, b) => descending(a.units ?? -Infinity, b.units ?? -Infinity);
    }
  }

  // Cells are drawn where they are asked for, or where a row is new.
  #arrange(shown, drawsCells) {
    const rows = shown.map((player) => {
      const known = this.#rows.get(player.player);
      const row = known ?? this.#makeRow(player.player);
      if (!known) this.#rows.set(player.player, row);
      if (drawsCells || !known) {
        this.#drawRow(row, player);
        this.#drawPick(row, player);
      }
      return row;
    });
    rows.forEach((row, i) => setText(row.rank, String(i + 1)));
    this.#order = shown.map(({ player }) => player);
    arrange(this.#nodes.rows, rows.map(({ tr }) => tr));
    // One stop for the Tab key; the arrows go on from there.
    if (!this.#rows.has(this.#active) || !this.#order.includes(this.#active)) this.#activate(this.#order[0]);
  }

  #makeRow(id) {
    const button = el('button', { type: 'button', class: 'pick', tabindex: '-1' });
    const rank = el('td', { class: 'cell-rank', role: 'cell' });
    const name = el('span', { class: 'name' });
    const meta = el('span', { class: 'meta' });
    const game = el('td', { class: 'cell-game', role: 'cell' });
    const stats = el('td', { class: 'cell-stats', role: 'cell' });
    const expected = el('td', { class: 'cell-expected expected', role: 'cell' });
    const change = el('span', { class: 'change', 'aria-hidden': 'true' });
    const points = el('span', { class: 'points' });
    const tr = el('tr', { 'data-player': id, role: 'row' }, rank, el('th', { class: 'cell-who', scope: 'row', role: 'rowheader' }, name, meta),
      game, stats, expected, el('td', { class: 'cell-points', role: 'cell' }, change, points), el('td', { class: 'cell-pick', role: 'cell' }, button));
    button.addEventListener('click', () => this.#team.toggle(this.#model.players.get(id)));
    return { tr, button, rank, name, meta, game, stats, expected, change, points, drawnUnits: null };
  }

  #drawRow(row, player) {
    setText(row.name, displayName(player));
    setText(row.meta, metaText(player));
    setText(row.game, this.#gameText(player));
    setText(row.stats, statLine(player.stats));
    drawPoints(row, player.units);
    const isOver = this.#model.games.get(player.game)?.status === 'final';
    const expected = isOver ? null : this.#model.expectedOf(player);
    setText(row.expected, isOver ? 'Final' : expectedShort(expected));
    setAttribute(row.expected, 'title', expected ? expectedSentence(expected) : null);
  }

  #drawPick(row, player) {
    const isPicked = this.#team.has(player.player);
    setAttribute(row.button, 'aria-pressed', String(isPicked));
    setAttribute(row.button, 'aria-label', `${displayName(player)}: in my team`);
    setText(row.button, isPicked ? '✓' : '+');
  }

  #gameText({ game }) {
    const known = this.#model.games.get(game);
    return known ? matchText(known) : '';
  }

  #isListed(player) {
    const { text, team, position, game } = this.#filter;
    return (player.units !== null || text !== '')
      && (!team || player.team === team)
      && (!position || positionOf(player) === position)
      && (!game || player.game === game)
      && (!text || `${displayName(player)} ${player.team ?? ''}`.toLocaleLowerCase().includes(text));
  }

  #setFilter(part) {
    Object.assign(this.#filter, part);
    this.drawAll();
  }

  #sortBy(by) {
    const isAgain = this.#sort.by === by;
    this.#sort = { by, sign: isAgain ? -this.#sort.sign : 1 };
    for (const button of this.#nodes.sorts) {
      const { sort } = button.dataset;
      // Figures start with the highest, words with A.
      const isDescending = (sort === 'points' || sort === 'expected') === (this.#sort.sign === 1);
      setAttribute(button.parentElement, 'aria-sort', sort === by ? (isDescending ? 'descending' : 'ascending') : 'none');
    }
    this.drawAll();
  }

  #reorderSoon() {
    if (this.#reorderTimer !== null) return;
    this.#reorderTimer = setTimeout(() => {
      this.#reorderTimer = null;
      if (!this.#isShown) return;
      if (performance.now() - this.#handsAtMs < HANDS_REST_MS) this.#reorderSoon();
      else this.#slide();
    }, REORDER_EVERY_MS);
  }

  // Rows have one height, so that where each has come from is told by its rank, without asking the layout.
  #slide() {
    const before = new Map(this.#order.map((id, i) => [id, i]));
    this.#arrange(this.#listed().slice(0, ROWS_MAX), false);
    if (isStill()) return;
    const { top, height } = this.#nodes.rows.getBoundingClientRect();
    const rowHeight = height / Math.max(1, this.#order.length);
    const [first, last] = [-top / rowHeight - 1, (innerHeight - top) / rowHeight + 1];
    const isSeen = (rank) => rank >= first && rank <= last;
    this.#order.forEach((id, rank) => {
      const by = ((before.get(id) ?? rank) - rank) * rowHeight;
      if (by === 0 || !isSeen(rank) || Math.abs(by) > innerHeight) return;
      this.#rows.get(id).tr.animate([{ transform: `translateY(${by}px)` }, { transform: 'none' }], { duration: SLIDE_MS, easing: 'ease-out' });
    });
  }

  #move(event) {
    this.#handsAtMs = performance.now();
    const step = KEYS[event.key];
    const at = this.#order.indexOf(event.target.closest('tr')?.dataset.player);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = Math.min(this.#order.length - 1, Math.max(0, at + step));
    this.#rows.get(this.#order[next]).button.focus();
  }

  #activate(id) {
    if (id === this.#active) return;
    this.#rows.get(this.#active)?.button.setAttribute('tabindex', '-1');
    this.#active = id ?? null;
    this.#rows.get(id)?.button.setAttribute('tabindex', '0');
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
    const teams = [...new Set([...this.#model.games.values()].flatMap((game) => [game.home, game.away]))].filter(Boolean).sort();
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

  #drawFoot(listedCount) {
    const { rowsHint, count } = this.#nodes;
    rowsHint.hidden = listedCount > 0;
    setText(rowsHint, this.#model.players.size === 0 ? 'Nobody has a stat yet. Players appear with their first play.' : 'Nobody matches.');
    const words = `${listedCount} ${listedCount === 1 ? 'player' : 'players'}`;
    setText(count, listedCount > ROWS_MAX ? `${words}, the first ${ROWS_MAX}` : listedCount > 0 ? words : '');
  }
}

function byName(a, b) {
  return displayName(a).localeCompare(displayName(b)) || (a.player < b.player ? -1 : 1);
}
