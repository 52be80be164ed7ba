// What is thought to come, drawn: on each game's card, and how the chosen game's drive may end.
// Room is made with a game's first prediction and kept, so that nothing moves when one comes or goes.

import { el, flash, setAttribute, setText } from './dom.js';
import { driveEnds, isUsual, nextPlayText, percentText, verdictText, winChances } from './forecasts.js';

const OVER = 'final';

/**
 * What is thought to come, on a card: `node`, the next play's call and who is likely to win, and
 * `verdict`, how the last call turned out. They stand apart, as one is past and the other is not.
 */
export function makeOutlook() {
  const prefix = el('span', { class: 'hidden' }, 'Next play: ');
  const text = el('span', { class: 'call-text' });
  const usual = el('span', { class: 'usual' }, 'usual');
  const verdict = el('span', { class: 'change verdict', 'aria-hidden': 'true' });
  const call = el('span', { class: 'call' }, prefix, text, usual);
  const awayShare = el('span', { class: 'win-share' });
  const bar = el('span', { class: 'win-bar', role: 'img' }, awayShare);
  const winner = el('span', { class: 'win-text', 'aria-hidden': 'true' });
  const win = el('span', { class: 'win' }, bar, winner);
  const node = el('span', { class: 'outlook', hidden: '' }, call, win);
  return { node, call, prefix, text, usual, verdict, win, bar, awayShare, winner, judged: null };
}

/** `view` is what the game's topic shows; undefined before it has said anything. */
export function drawOutlook(outlook, game, view) {
  const isOver = game.status === OVER;
  if (isOver || view?.predictions.size > 0) outlook.node.hidden = isOver;
  drawCall(outlook, game.status === 'live' ? view?.predictions.get('next_play') : null);
  outlook.judged = drawVerdict(outlook.verdict, view?.outcomes.get('next_play'), outlook.judged);
  drawWin(outlook, view?.predictions.get('win'), game);
}

function drawCall({ call, prefix, text, usual }, prediction) {
  prefix.hidden = !prediction;
  setText(text, nextPlayText(prediction));
  const isHistorical = Boolean(prediction) && isUsual(prediction);
  usual.hidden = !isHistorical;
  setAttribute(call, 'data-usual', isHistorical ? 'true' : null);
}

// Gives the outcome that is drawn; each shows for a moment, once.
function drawVerdict(node, outcome, judged) {
  if (!outcome || outcome === judged) return judged;
  setText(node, verdictText(outcome));
  flash(node, outcome.right ? 'up' : 'down');
  return outcome;
}

function drawWin({ win, bar, awayShare, winner }, prediction, game) {
  const chances = winChances(prediction, game);
  setAttribute(win, 'data-blank', chances ? null : 'true');
  if (!chances) return;
  awayShare.style.width = percentWidth(chances.away);
  setText(winner, chances.text);
  setAttribute(bar, 'aria-label', chances.label);
  setAttribute(bar, 'title', chances.label);
  setAttribute(bar, 'data-favourite', chances.favourite);
  setAttribute(bar, 'data-usual', isUsual(prediction) ? 'true' : null);
}

/** How the drive is likely to end in the game that is chosen on the scoreboard. */
export class DriveOutlook {
  #nodes;
  #model;
  #game = null;
  #judged = null;
  #ends = new Map();

  /** nodes: `{section, title, usual, verdict, ends}`. */
  constructor(nodes, model) {
    this.#nodes = nodes;
    this.#model = model;
    for (const { end, words } of driveEnds(null)) {
      const share = el('span', { class: 'end-share' });
      const fill = el('span', { class: 'end-fill' });
      nodes.ends.append(el('li', { 'data-end': end }, el('span', { class: 'end-words' }, words), ' ', share,
        el('span', { class: 'end-bar' }, fill)));
      this.#ends.set(end, { share, fill });
    }
  }

  /** Shows that game's drive, or none for null. */
  show(game) {
    this.#game = game;
    this.#nodes.section.hidden = true;
    setText(this.#nodes.verdict, '');
    // What was judged before it was looked at is no news.
    this.#judged = this.#model.forecasts.get(game)?.outcomes.get('drive') ?? null;
    this.draw();
  }

  draw() {
    const { section, title, usual, verdict } = this.#nodes;
    const view = this.#model.forecasts.get(this.#game);
    const prediction = view?.predictions.get('drive');
    const isOver = (this.#model.games.get(this.#game)?.status ?? OVER) === OVER;
    if (isOver || prediction) section.hidden = isOver;
    setAttribute(section, 'data-blank', prediction ? null : 'true');
    this.#judged = drawVerdict(verdict, view?.outcomes.get('drive'), this.#judged);
    if (!prediction) return;
    setText(title, prediction.team ? `How ${prediction.team}’s drive ends` : 'How the drive ends');
    usual.hidden = !isUsual(prediction);
    setAttribute(section, 'data-usual', isUsual(prediction) ? 'true' : null);
    for (const { end, share } of driveEnds(prediction)) {
      const drawn = this.#ends.get(end);
      setText(drawn.share, percentText(share));
      drawn.fill.style.width = percentWidth(share);
      setAttribute(drawn.share.parentElement, 'data-called', end === prediction.call ? 'true' : null);
    }
  }
}

function percentWidth(share) {
  return `${(share * 100).toFixed(1)}%`;
}
