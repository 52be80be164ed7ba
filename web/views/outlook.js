// What is thought to come in a game, drawn: the next play's call as a bar, who is likely to win as a line,
// and how the drive may end. Room is made with a game's first prediction and kept, so that nothing moves
// when one comes or goes.

import { axis, Chart, colour, sparkline } from '../charts.js';
import { el, flash, setAttribute, setText } from '../dom.js';
import { driveEnds, isUsual, nextPlayText, nextPlayShare, percentText, tallyShort, verdictText, winChances } from '../forecasts.js';
import { REGULATION_SECONDS } from '../games.js';

const OVER = 'final';

/** The call of the next play: words, a bar as long as it is sure, and how often that was right tonight. */
export class Call {
  /** Drawn into; `verdict` stands apart, as one is past and the other is not. */
  node = el('span', { class: 'call' });
  verdict = el('span', { class: 'change verdict', 'aria-hidden': 'true' });
  #prefix = el('span', { class: 'hidden' }, 'Next play: ');
  #text = el('span', { class: 'call-text' });
  #usual = el('span', { class: 'usual' }, 'usual');
  #record = el('span', { class: 'call-record' });
  #fill = el('span', { class: 'call-fill' });
  #judged = null;

  constructor() {
    this.node.append(el('span', { class: 'call-words' }, this.#prefix, this.#text, this.#usual, this.#record),
      el('span', { class: 'call-bar' }, this.#fill));
  }

  /** `view` is what the game's topic shows; undefined before it has said anything. */
  draw(game, view) {
    const prediction = game.status === 'live' ? view?.predictions.get('next_play') : null;
    const isHistorical = Boolean(prediction) && isUsual(prediction);
    this.#prefix.hidden = !prediction;
    this.#usual.hidden = !isHistorical;
    setText(this.#text, nextPlayText(prediction));
    setText(this.#record, tallyShort(view?.tally));
    setAttribute(this.node, 'data-usual', isHistorical ? 'true' : null);
    setAttribute(this.node, 'data-uncalled', prediction ? null : 'true');
    this.#fill.style.width = percentWidth(nextPlayShare(prediction));
    this.#judge(view?.outcomes.get('next_play'));
  }

  /** What was judged before it was looked at is no news. */
  skip(view) {
    this.#judged = view?.outcomes.get('next_play') ?? null;
    setText(this.verdict, '');
  }

  // Each outcome shows for a moment, once.
  #judge(outcome) {
    if (!outcome || outcome === this.#judged) return;
    this.#judged = outcome;
    setText(this.verdict, verdictText(outcome));
    flash(this.verdict, outcome.right ? 'up' : 'down');
  }
}

/** Who is likely to win: a line over the game, the home team above, and the figure of now. */
export class WinLine {
  node = el('span', { class: 'win' });
  #text = el('span', { class: 'win-text', 'aria-hidden': 'true' });
  #host = el('span', { class: 'win-line' });
  #chart;
  #drawn = null;

  /** `teams`: as a chart of its own, whose axis names these two; else a line on a card. */
  constructor(teams = null) {
    this.node.append(this.#host, this.#text);
    this.#chart = new Chart(this.#host, teams ? () => chartOptions(teams) : lineOptions);
  }

  draw(game, view, line) {
    const chances = winChances(view?.predictions.get('win'), game);
    setAttribute(this.node, 'data-blank', chances || line ? null : 'true');
    setText(this.#text, chances?.text ?? '');
    // Lines grow in place: what is drawn is told by how far they reach.
    const reach = line ? `${game.game} ${line[0].length} ${line[0].at(-1)} ${line[1].at(-1)}` : null;
    if (reach === null || reach === this.#drawn) return;
    this.#drawn = reach;
    const label = chances?.label ?? `Chances of winning, ${game.away} and ${game.home}`;
    this.#chart.set([[...line[0]], [...line[1]]], label);
  }

  remove() {
    this.#chart.remove();
  }
}

/** How the drive is likely to end. */
export class Drive {
  node = el('section', { class: 'drive', 'aria-label': 'How the drive ends', hidden: '' });
  #title = el('span', { class: 'drive-title' });
  #usual = el('span', { class: 'usual', hidden: '' }, 'usual');
  #verdict = el('span', { class: 'change verdict', 'aria-hidden': 'true' });
  #ends = new Map();
  #judged = null;

  constructor() {
    const list = el('ul', { class: 'drive-ends' });
    for (const { end, words } of driveEnds(null)) {
      const share = el('span', { class: 'end-share' });
      const fill = el('span', { class: 'end-fill' });
      list.append(el('li', { 'data-end': end }, el('span', { class: 'end-words' }, words), share, el('span', { class: 'end-bar' }, fill)));
      this.#ends.set(end, { share, fill });
    }
    this.node.append(el('h3', { class: 'drive-head' }, this.#title, this.#usual, this.#verdict), list);
  }

  /** Another game: what was judged before is no news. */
  skip(view) {
    this.node.hidden = true;
    setText(this.#verdict, '');
    this.#judged = view?.outcomes.get('drive') ?? null;
  }

  draw(game, view) {
    // At halftime nobody drives.
    const prediction = game.status === 'live' ? view?.predictions.get('drive') : null;
    const isOver = game.status === OVER;
    if (isOver || prediction) this.node.hidden = isOver;
    setAttribute(this.node, 'data-blank', prediction ? null : 'true');
    const outcome = view?.outcomes.get('drive');
    if (outcome && outcome !== this.#judged) {
      this.#judged = outcome;
      setText(this.#verdict, verdictText(outcome));
      flash(this.#verdict, outcome.right ? 'up' : 'down');
    }
    if (!prediction) return;
    setText(this.#title, prediction.team ? `How ${prediction.team}’s drive ends` : 'How the drive ends');
    this.#usual.hidden = !isUsual(prediction);
    setAttribute(this.node, 'data-usual', isUsual(prediction) ? 'true' : null);
    for (const { end, share } of driveEnds(prediction)) {
      const drawn = this.#ends.get(end);
      setText(drawn.share, percentText(share));
      drawn.fill.style.width = percentWidth(share);
      setAttribute(drawn.share.parentElement, 'data-called', end === prediction.call ? 'true' : null);
    }
  }
}

function scales() {
  return {
    x: { time: false, range: (plot, min, max) => [0, Math.max(REGULATION_SECONDS, max ?? 0)] },
    y: { range: [0, 1] },
  };
}

function series(width) {
  // A line of one point is none.
  return [{}, { stroke: colour('--accent'), width, points: { show: (plot) => plot.data[0].length < 2, size: 5, fill: colour('--accent') } }];
}

function lineOptions() {
  return sparkline(scales(), series(1.5));
}

function chartOptions({ home, away }) {
  const quarters = [0, 900, 1800, 2700, 3600];
  return {
    padding: [8, 16, 0, 0], cursor: { show: false }, legend: { show: false }, scales: scales(), series: series(2),
    axes: [
      axis({ splits: () => quarters, values: () => ['', 'Q2', 'Half', 'Q4', 'End'], size: 24 }),
      axis({ splits: () => [0, 0.25, 0.5, 0.75, 1], values: () => [away, '', '50%', '', home], size: 44 }),
    ],
  };
}

function percentWidth(share) {
  return `${(share * 100).toFixed(1)}%`;
}
