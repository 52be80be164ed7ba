// The scoreboard: a card a game. A card is also the button that puts its game into the spotlight.

import { arrange, el, flash, setAttribute, setText } from '../dom.js';
import { clockText, compareGames, possessionOf, situationText, slateText } from '../games.js';
import { Call, WinLine } from './outlook.js';

const RED_ZONE_YARDS = 20;

export class Scoreboard {
  #nodes;
  #onSelect;
  #cards = new Map();
  #selected = null;

  /** nodes: `{list, summary}`. `onSelect(id)` when a card is pressed. */
  constructor(nodes, { onSelect }) {
    this.#nodes = nodes;
    this.#onSelect = onSelect;
    nodes.list.addEventListener('keydown', (event) => this.#move(event));
  }

  ids() {
    return this.#cards.keys();
  }

  /** Draws the games whose ids are in `changed`; order only where a status or the set moved. */
  draw({ games, forecasts, winLines }, changed) {
    let isReordered = false;
    for (const id of changed) {
      const game = games.get(id);
      if (!game) {
        this.#remove(id);
        isReordered = true;
        continue;
      }
      if (!this.#cards.has(id)) this.#cards.set(id, this.#makeCard(id));
      const card = this.#cards.get(id);
      if (card.item.dataset.status !== game.status) isReordered = true;
      drawCard(card, game, forecasts.get(id), winLines.get(id));
    }
    if (!isReordered) return;
    const ordered = [...games.values()].sort(compareGames).map((game) => this.#cards.get(game.game)?.item);
    arrange(this.#nodes.list, ordered.filter(Boolean));
    setText(this.#nodes.summary, slateText([...games.values()]));
  }

  /** Marks the card of the game that is in the spotlight. */
  mark(id) {
    if (id === this.#selected) return;
    this.#selected = id;
    for (const [game, card] of this.#cards) setAttribute(card.button, 'aria-pressed', String(game === id));
  }

  #remove(id) {
    this.#cards.get(id)?.win.remove();
    this.#cards.delete(id);
  }

  // Arrow keys go from card to card, as the eye does.
  #move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const item = event.target.closest('li');
    if (!step || !item) return;
    const next = step > 0 ? item.nextElementSibling : item.previousElementSibling;
    if (!next) return;
    event.preventDefault();
    next.querySelector('button').focus();
  }

  #makeCard(id) {
    const [away, home] = [makeTeam(), makeTeam()];
    const clock = el('span', { class: 'game-clock' });
    const situation = el('span', { class: 'game-situation' });
    const call = new Call();
    const win = new WinLine();
    const outlook = el('span', { class: 'outlook', hidden: '' }, call.node, win.node);
    const button = el('button', { type: 'button', class: 'game', 'aria-pressed': String(id === this.#selected) },
      el('span', { class: 'game-top' }, clock, call.verdict), away.line, home.line, situation, outlook);
    button.addEventListener('click', () => this.#onSelect(id));
    return { item: el('li', { 'data-game': id }, button), button, clock, situation, away, home, outlook, call, win };
  }
}

/** A team's line: `{line, name, ball, score}`. */
export function makeTeam() {
  const name = el('span', { class: 'team-name' });
  const ball = el('span', { class: 'ball', role: 'img', 'aria-label': 'has the ball', hidden: '' });
  const score = el('span', { class: 'team-score' });
  return { line: el('span', { class: 'team' }, name, ball, score), name, ball, score, drawn: null };
}

/** Clock, both teams and the situation: what a card and the spotlight have in common. */
export function drawScore({ clock, situation, away, home }, game) {
  setText(clock, clockText(game));
  const words = situationText(game);
  setText(situation, words);
  const isRedZone = words !== '' && game.situation.yards_to_goal <= RED_ZONE_YARDS;
  setAttribute(situation, 'data-red-zone', isRedZone ? 'true' : null);
  const possession = possessionOf(game);
  drawTeam(away, game, game.away, game.home, possession);
  drawTeam(home, game, game.home, game.away, possession);
}

function drawCard(card, game, forecast, winLine) {
  setAttribute(card.item, 'data-status', game.status ?? 'scheduled');
  drawScore(card, game);
  if (forecast?.predictions.size > 0 || winLine) card.outlook.hidden = false;
  card.call.draw(game, forecast);
  card.win.draw(game, forecast, winLine);
}

function drawTeam(side, game, team = '–', other, possession) {
  setText(side.name, team);
  side.ball.hidden = possession !== team;
  // A feed need not tell the score: then nothing is shown, not nought.
  const score = game.status === 'scheduled' ? null : game.score?.[team] ?? null;
  setText(side.score, score === null ? '' : String(score));
  if (side.drawn !== null && score !== null && score !== side.drawn) {
    flash(side.score, score > side.drawn ? 'up' : 'down');
  }
  side.drawn = score;
  const isBehind = game.status === 'final' && score !== null && score < (game.score?.[other] ?? 0);
  setAttribute(side.line, 'data-behind', isBehind ? 'true' : null);
}
