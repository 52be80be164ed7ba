// The scoreboard: a card a game. A card is also the button that narrows the list to its game.

import { arrange, el, flash, setAttribute, setText } from './dom.js';
import { clockText, compareGames, possessionOf, situationText, slateText } from './games.js';
import { drawOutlook, makeOutlook } from './outlook.js';

const RED_ZONE_YARDS = 20;
const PER_ROW_MAX = 8;
// Fewer games than this leave room rather than stretch.
const PER_ROW_MIN = 6;

export class Scoreboard {
  #nodes;
  #onSelect;
  #cards = new Map();
  #selected = null;

  /** `onSelect(id)` when another game is chosen, or null when none is any more. */
  constructor(nodes, { onSelect }) {
    this.#nodes = nodes;
    this.#onSelect = onSelect;
  }

  /** Draws the games whose ids are in `changed`; order only where a status or the set moved. */
  draw({ games, forecasts }, changed) {
    let isReordered = false;
    for (const id of changed) {
      const game = games.get(id);
      if (!game) {
        this.#cards.delete(id);
        if (this.#selected === id) this.select(null);
        isReordered = true;
        continue;
      }
      if (!this.#cards.has(id)) this.#cards.set(id, this.#makeCard(id));
      const card = this.#cards.get(id);
      if (card.item.dataset.status !== game.status) isReordered = true;
      drawCard(card, game);
      drawOutlook(card.outlook, game, forecasts.get(id));
    }
    if (!isReordered) return;
    const ordered = [...games.values()].sort(compareGames).map((game) => this.#cards.get(game.game)?.item);
    arrange(this.#nodes.list, ordered.filter(Boolean));
    setText(this.#nodes.summary, slateText([...games.values()]));
    // Rows of like length: eleven games are six and five, not eight and three.
    const perRow = Math.ceil(games.size / Math.ceil(games.size / PER_ROW_MAX));
    this.#nodes.list.style.setProperty('--per-row', Math.max(PER_ROW_MIN, perRow || 0));
  }

  select(id) {
    this.#selected = id;
    for (const [game, card] of this.#cards) setAttribute(card.button, 'aria-pressed', String(game === id));
    this.#onSelect(id);
  }

  #makeCard(id) {
    const away = makeTeam();
    const home = makeTeam();
    const clock = el('span', { class: 'game-clock' });
    const situation = el('span', { class: 'game-situation' });
    const outlook = makeOutlook();
    const button = el('button', { type: 'button', class: 'game', 'aria-pressed': 'false' },
      el('span', { class: 'game-top' }, clock, outlook.verdict), away.line, home.line, situation, outlook.node);
    button.addEventListener('click', () => this.select(this.#selected === id ? null : id));
    return { item: el('li', { 'data-game': id }, button), button, clock, situation, away, home, outlook };
  }
}

function makeTeam() {
  const name = el('span', { class: 'team-name' });
  const ball = el('span', { class: 'ball', role: 'img', 'aria-label': 'has the ball', hidden: '' });
  const score = el('span', { class: 'team-score' });
  return { line: el('span', { class: 'team' }, name, ball, score), name, ball, score, drawn: null };
}

function drawCard(card, game) {
  setAttribute(card.item, 'data-status', game.status ?? 'scheduled');
  setText(card.clock, clockText(game));
  const situation = situationText(game);
  setText(card.situation, situation);
  const isRedZone = situation !== '' && game.situation.yards_to_goal <= RED_ZONE_YARDS;
  setAttribute(card.situation, 'data-red-zone', isRedZone ? 'true' : null);
  const possession = possessionOf(game);
  drawTeam(card.away, game, game.away, game.home, possession);
  drawTeam(card.home, game, game.home, game.away, possession);
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
