// One game, large: its score, who is likely to win, how the drive may end, and who has scored most.

import { el, setAttribute, setText } from '../dom.js';
import { expectedText } from '../forecasts.js';
import { displayName, metaText } from '../people.js';
import { statLine } from '../stats.js';
import { Call, Drive, WinLine } from './outlook.js';
import { drawPoints } from './points_cell.js';
import { drawScore, makeTeam } from './scoreboard.js';

const PLAYERS_SHOWN = 5;

export class Spotlight {
  #section;
  #onMore;
  #game = null;
  #parts = null;

  /** `onMore(game)` when all players of the game are asked for. */
  constructor(section, { onMore }) {
    this.#section = section;
    this.#onMore = onMore;
  }

  get game() {
    return this.#game;
  }

  /** Puts a game into it; null for none. */
  show(game, model) {
    if (game === this.#game) return;
    this.#parts?.win.remove();
    this.#parts = null;
    this.#game = game;
    this.draw(model);
  }

  draw(model) {
    const game = this.#game === null ? null : model.games.get(this.#game);
    this.#section.hidden = !game;
    if (!game) return;
    const forecast = model.forecasts.get(this.#game);
    if (this.#parts === null) this.#make(game, forecast);
    const parts = this.#parts;
    setAttribute(this.#section, 'data-status', game.status ?? 'scheduled');
    drawScore(parts, game);
    const winLine = model.winLines.get(this.#game);
    const hasOutlook = forecast?.predictions.size > 0 || winLine !== undefined;
    if (hasOutlook) parts.outlook.hidden = false;
    parts.call.draw(game, forecast);
    parts.drive.draw(game, forecast);
    parts.win.draw(game, forecast, winLine);
    this.#drawPlayers(model, game);
  }

  #make(game, forecast) {
    const [away, home] = [makeTeam(), makeTeam()];
    const clock = el('p', { class: 'game-clock' });
    const situation = el('p', { class: 'game-situation' });
    const [call, drive, win] = [new Call(), new Drive(), new WinLine({ home: game.home, away: game.away })];
    call.skip(forecast);
    drive.skip(forecast);
    const outlook = el('div', { class: 'spot-win', hidden: '' }, el('h3', {}, 'Chance of winning'), win.node);
    const players = el('ol', { class: 'spot-players' });
    const more = el('button', { type: 'button', class: 'button', 'data-control': '' }, 'All players of this game');
    more.addEventListener('click', () => this.#onMore(this.#game));
    const title = el('h3', {}, 'Best so far');
    const best = el('div', { class: 'spot-best' }, title, players, more);
    this.#section.replaceChildren(
      el('div', { class: 'spot-score' }, el('div', { class: 'game-top' }, clock, call.verdict), away.line, home.line, situation, call.node, drive.node),
      outlook, best);
    this.#parts = { clock, situation, away, home, call, drive, win, outlook, players, best, title, rows: [] };
  }

  #drawPlayers(model, game) {
    const { players, best, title, rows } = this.#parts;
    setText(title, game.status === 'final' ? 'Best' : 'Best so far');
    const listed = model.playersOf(this.#game).slice(0, PLAYERS_SHOWN);
    best.hidden = listed.length === 0;
    while (rows.length < listed.length) {
      rows.push(makeRow());
      players.append(rows.at(-1).item);
    }
    listed.forEach((player, i) => drawRow(rows[i], player, game.status === 'final' ? null : model.expectedOf(player)));
  }
}

function makeRow() {
  const name = el('span', { class: 'name' });
  const meta = el('span', { class: 'meta' });
  const stats = el('span', { class: 'spot-stats' });
  const points = el('span', { class: 'points' });
  const change = el('span', { class: 'change', 'aria-hidden': 'true' });
  const item = el('li', {}, el('span', { class: 'spot-who' }, name, meta), el('span', { class: 'spot-points' }, change, points), stats);
  return { item, name, meta, stats, points, change, player: null, drawnUnits: null };
}

function drawRow(row, player, expected) {
  // Another player in this place is no change of points.
  if (row.player !== player.player) {
    row.drawnUnits = null;
    row.player = player.player;
    setText(row.change, '');
  }
  setText(row.name, displayName(player));
  setText(row.meta, metaText(player));
  setText(row.stats, [statLine(player.stats), expectedText(expected)].filter(Boolean).join(' · '));
  drawPoints(row, player.units);
}
