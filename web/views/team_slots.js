// The slots of my team: a line each, empty ones as an invitation.

import { el, setAttribute, setText } from '../dom.js';
import { expectedText } from '../forecasts.js';
import { gameLine } from '../games.js';
import { displayName, metaText } from '../people.js';
import { statLine } from '../stats.js';
import { FORMATS } from '../team.js';
import { drawPoints } from './points_cell.js';

export class TeamSlots {
  node = el('ol', { class: 'slots' });
  #rows = [];
  #format = null;
  #onChoose;
  #onRemove;

  /** `onChoose(index)` for an empty slot, `onRemove(index)` for a filled one. */
  constructor({ onChoose, onRemove }) {
    this.#onChoose = onChoose;
    this.#onRemove = onRemove;
  }

  /**
   * `team`, what its topic said of each player (a Map), who they are (`identityOf(id)`), their games, what
   * they are thought to end with, which slot is being filled, and whether anything may be changed.
   */
  draw({ team, slots, identityOf, games, expectedOf, chosen, isReadOnly }) {
    if (this.#format !== team.format) this.#make(team.format);
    this.#rows.forEach((row, i) => {
      const id = team.players[i];
      const slot = slots.get(id);
      const player = id === null ? null : { ...identityOf(id), ...slot, player: id };
      drawRow(row, { player, units: slot?.units ?? null, game: games.get(player?.game), expected: player ? expectedOf(player) : null });
      row.choose.hidden = id !== null || isReadOnly;
      row.vacant.hidden = id !== null || !isReadOnly;
      row.remove.hidden = id === null || isReadOnly;
      setAttribute(row.item, 'data-chosen', i === chosen ? 'true' : null);
      setAttribute(row.choose, 'aria-pressed', String(i === chosen));
    });
  }

  /** The button of an empty slot gets the focus; what was there is gone. */
  focus(index) {
    this.#rows[index]?.choose.focus();
  }

  #make(format) {
    this.#format = format;
    this.#rows = FORMATS[format].slots.map((slot, i) => this.#makeRow(slot, i));
    this.node.replaceChildren(...this.#rows.map(({ item }) => item));
  }

  #makeRow({ slot, multiplier }, index) {
    const name = el('span', { class: 'name' });
    const meta = el('span', { class: 'meta' });
    const stats = el('span', { class: 'slot-stats' });
    const game = el('span', { class: 'slot-game' });
    const expected = el('span', { class: 'expected' });
    const change = el('span', { class: 'change', 'aria-hidden': 'true' });
    const points = el('span', { class: 'points' });
    const label = el('span', { class: 'slot-label' }, slot);
    if (multiplier !== 1) label.append(el('span', { class: 'slot-times' }, `${multiplier}×`));
    const choose = el('button', { type: 'button', class: 'slot-choose', 'aria-label': `Choose a player for ${slot}` }, 'Choose a player');
    const vacant = el('span', { class: 'slot-vacant', hidden: '' }, 'Nobody');
    const remove = el('button', { type: 'button', class: 'remove' }, '×');
    choose.addEventListener('click', () => this.#onChoose(index));
    remove.addEventListener('click', () => this.#onRemove(index));
    const item = el('li', { class: 'slot', 'data-slot': slot }, label, choose, vacant,
      el('span', { class: 'slot-who' }, name, meta, stats, game),
      el('span', { class: 'slot-points' }, points, change, expected), remove);
    return { item, name, meta, stats, game, expected, change, points, choose, vacant, remove, player: null, drawnUnits: null };
  }
}

function drawRow(row, { player, units, game, expected }) {
  const id = player?.player ?? null;
  setAttribute(row.item, 'data-player', id);
  if (row.player !== id) {
    row.player = id;
    row.drawnUnits = null;
    setText(row.change, '');
  }
  setText(row.name, player ? displayName(player) : '');
  setText(row.meta, player ? metaText(player) : '');
  setText(row.stats, player ? statLine(player.stats ?? {}) : '');
  setText(row.game, player ? gameLine(game) : '');
  setText(row.expected, expectedText(expected));
  if (player) {
    setAttribute(row.remove, 'aria-label', `Remove ${displayName(player)}`);
    drawPoints(row, units);
  } else setText(row.points, '');
}
