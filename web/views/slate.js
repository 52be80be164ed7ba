// The slate: every game as a card, one of them large, and how good the calls have been tonight.

import { setAttribute, setText } from '../dom.js';
import { modelsText, tallyText } from '../forecasts.js';
import { compareGames } from '../games.js';
import { displayName } from '../people.js';
import { formatPoints } from '../points.js';
import { Scoreboard } from './scoreboard.js';
import { Spotlight } from './spotlight.js';

const ASK_MODELS_EVERY_MS = 10_000;

export class Slate {
  #nodes;
  #model;
  #ask;
  #hasSlate;
  #scoreboard;
  #spotlight;
  #isShown = false;
  #modelsAskedAtMs = -Infinity;

  /** `ask(path)` promises JSON or null; `hasSlate()`: whether the server has told what games there are. */
  constructor(nodes, { model, onMore, ask, hasSlate }) {
    this.#nodes = nodes;
    this.#model = model;
    this.#ask = ask;
    this.#hasSlate = hasSlate;
    this.#scoreboard = new Scoreboard({ list: nodes.list, summary: nodes.summary }, { onSelect: (game) => this.#choose(game) });
    this.#spotlight = new Spotlight(nodes.spotlight, { onMore });
    nodes.calls.addEventListener('pointerenter', () => this.#learnModels());
  }

  setShown(isShown) {
    this.#isShown = isShown;
    if (isShown) this.draw(new Set([...this.#model.games.keys(), ...this.#scoreboard.ids()]));
  }

  /** Puts a game into the spotlight. */
  select(game) {
    this.#spotlight.show(game, this.#model);
    this.#scoreboard.mark(game);
  }

  draw(changed) {
    if (!this.#isShown) return;
    const { head, empty, calls } = this.#nodes;
    const { games } = this.#model;
    this.#scoreboard.draw(this.#model, changed);
    // The first one that there is stays, until somebody chooses another.
    if (!games.has(this.#spotlight.game)) this.select([...games.values()].sort(compareGames)[0]?.game ?? null);
    this.#spotlight.draw(this.#model);
    head.hidden = games.size === 0;
    empty.hidden = games.size > 0 || !this.#hasSlate();
    const text = tallyText(this.#model.tally());
    calls.hidden = !text;
    setText(calls, text);
    this.#drawOver();
  }

  #choose(game) {
    this.select(game);
    // On a phone the spotlight may be out of sight.
    this.#nodes.spotlight.scrollIntoView({ block: 'nearest' });
  }

  #drawOver() {
    const games = [...this.#model.games.values()];
    const isOver = games.length > 0 && games.every(({ status }) => status === 'final');
    this.#nodes.over.hidden = !isOver;
    if (!isOver) return;
    const best = [...this.#model.players.values()].filter(({ units }) => units !== null).sort((a, b) => b.units - a.units).slice(0, 3)
      .map((player) => `${displayName(player)} ${formatPoints(player.units)}`);
    const words = best.length > 0 ? `Most points: ${best.join(', ')}. ` : '';
    setText(this.#nodes.overText, `${words}Scores may still be corrected, and would change here.`);
  }

  // For whoever points at the tally. Not every server tells, or tells everybody.
  async #learnModels() {
    if (performance.now() - this.#modelsAskedAtMs < ASK_MODELS_EVERY_MS) return;
    this.#modelsAskedAtMs = performance.now();
    const answer = await this.#ask('/v1/models');
    const text = modelsText(answer?.figures ?? []);
    if (text) setAttribute(this.#nodes.calls, 'title', text);
  }
}
