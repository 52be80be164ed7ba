// My players: a card each, their total, and what just happened to them. Kept in this browser.

import { arrange, el, flash, setAttribute, setText } from './dom.js';
import { gameLine } from './games.js';
import { displayName, drawPoints, metaText } from './players.js';
import { formatChange, toUnits } from './points.js';
import { causeKind, causeText, statLine } from './stats.js';

const STORAGE_KEY = 'scorewire.picks';
const PICKS_MAX = 30;
const RECENT_MAX = 3;
// A screen reader that hears every play hears nothing else.
const SPEAK_EVERY_MS = 10_000;
const BADGES = { correction: 'Correction', retraction: 'Play withdrawn' };

export class Picks {
  #nodes;
  #model;
  #onToggle;
  #cards = new Map();
  #recent = [];
  #totalRow;
  #spoken = '';

  /** `onToggle(id, isPicked)` after a player was added or removed. */
  constructor(nodes, model, { onToggle }) {
    this.#nodes = nodes;
    this.#model = model;
    this.#onToggle = onToggle;
    this.#totalRow = { points: nodes.total, change: nodes.totalChange, drawnUnits: null };
    for (const saved of load()) this.#cards.set(saved.player, this.#makeCard(saved));
    this.#arrange();
    setInterval(() => this.#speak(), SPEAK_EVERY_MS);
  }

  ids() {
    return [...this.#cards.keys()];
  }

  has(id) {
    return this.#cards.has(id);
  }

  toggle(player) {
    const id = player.player;
    if (this.has(id)) this.#cards.delete(id);
    else if (this.#cards.size < PICKS_MAX) this.#cards.set(id, this.#makeCard(identityOf(player)));
    else return;
    save([...this.#cards.values()].map((card) => card.player));
    this.#arrange();
    this.#forgetTotal();
    this.draw();
    this.#onToggle(id, this.has(id));
  }

  /** An update of `player:ID`. */
  apply(id, { view, frame, causes, changes }) {
    const card = this.#cards.get(id);
    if (!card) return;
    card.units = view.seq > 0 ? toUnits(view.points) : null;
    card.stats = view.stats;
    card.game = view.game;
    if (frame?.type === 'delta') this.#remember(card, frame, causes, changes);
  }

  /** Points of one ruleset mean nothing under another. */
  forgetPoints() {
    for (const card of this.#cards.values()) card.units = null;
    this.#recent = [];
    this.#forgetTotal();
  }

  draw() {
    const cards = [...this.#cards.values()];
    // A card that gets its first points is no gain of the team's.
    if (cards.some((card) => card.drawnUnits === null && card.units !== null)) this.#forgetTotal();
    for (const card of cards) this.#drawCard(card);
    // Integers of 1/10,000 point: exact, whatever the number of players.
    drawPoints(this.#totalRow, cards.reduce((sum, card) => sum + (card.units ?? 0), 0));
    this.#nodes.hint.hidden = cards.length > 0;
    this.#drawRecent();
  }

  #makeCard(player) {
    const name = el('span', { class: 'name' });
    const meta = el('span', { class: 'meta' });
    const stats = el('span', { class: 'pick-stats' });
    const game = el('span', { class: 'pick-game' });
    const change = el('span', { class: 'change', 'aria-hidden': 'true' });
    const points = el('span', { class: 'points' });
    const remove = el('button', { type: 'button', class: 'remove' }, '×');
    remove.addEventListener('click', () => this.toggle(player));
    const item = el('li', { class: 'pick-card', 'data-player': player.player },
      el('span', { class: 'pick-who' }, name, meta), el('span', { class: 'pick-points' }, change, points),
      remove, stats, game);
    return {
      player, item, name, meta, statsNode: stats, gameNode: game, change, points, remove,
      stats: {}, units: null, game: player.game, drawnUnits: null,
    };
  }

  #drawCard(card) {
    // The list may know the name by now where what was saved did not.
    const player = { ...card.player, ...identityOf(this.#model.players.get(card.player.player) ?? {}) };
    setText(card.name, displayName(player));
    setText(card.meta, metaText(player));
    setText(card.statsNode, statLine(card.stats));
    setText(card.gameNode, gameLine(this.#model.games.get(card.game)));
    setAttribute(card.remove, 'aria-label', `Remove ${displayName(player)}`);
    drawPoints(card, card.units);
  }

  #remember(card, frame, causes, changes) {
    const kind = causeKind(causes);
    const units = toUnits(frame.change) ?? 0;
    // A pass that missed its target is no news; a correction is, even without points.
    if (units === 0 && kind === 'play') return;
    this.#recent.unshift({
      who: displayName({ ...card.player, ...identityOf(this.#model.players.get(card.player.player) ?? {}) }),
      text: causeText(causes) || 'Stat line changed',
      badge: BADGES[kind] ?? '',
      changes,
      units,
    });
    this.#recent.length = Math.min(this.#recent.length, RECENT_MAX);
  }

  #drawRecent() {
    const { recent, recentTitle } = this.#nodes;
    recentTitle.hidden = this.#recent.length === 0;
    arrange(recent, this.#recent.map((entry) => {
      entry.item ??= makeRecentItem(entry);
      return entry.item;
    }));
  }

  // The next total is drawn without a flash: it is another sum, not a change of this one.
  #forgetTotal() {
    this.#totalRow.drawnUnits = null;
    setText(this.#nodes.totalChange, '');
  }

  #arrange() {
    arrange(this.#nodes.list, [...this.#cards.values()].map((card) => card.item));
  }

  #speak() {
    const text = this.#cards.size > 0 ? `My players: ${this.#nodes.total.textContent} points` : '';
    if (text === this.#spoken) return;
    this.#spoken = text;
    setText(this.#nodes.totalSpoken, text);
  }
}

function makeRecentItem({ who, text, badge, changes, units }) {
  const direction = units > 0 ? 'up' : units < 0 ? 'down' : 'same';
  const item = el('li', { class: 'recent-item', 'data-kind': badge ? 'correction' : 'play' });
  const head = el('span', { class: 'recent-who' }, who);
  if (badge) head.append(el('span', { class: 'badge' }, badge));
  if (changes > 1) head.append(el('span', { class: 'badge badge-plain' }, `${changes} in one`));
  item.append(head,
    el('span', { class: 'recent-change', 'data-direction': direction }, formatChange(units)),
    el('span', { class: 'recent-text' }, text));
  flash(item, 'new');
  return item;
}

// Enough to show a player again before any frame has come.
function identityOf({ player, name, team, position, game }) {
  const known = Object.entries({ player, name, team, position, game }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known);
}

function load() {
  try {
    const saved = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]');
    return saved.filter((one) => typeof one?.player === 'string').slice(0, PICKS_MAX);
  } catch {
    // Storage is switched off, or holds what an older page wrote.
    return [];
  }
}

function save(players) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(players));
  } catch {
    // Without storage the picks last as long as the page.
  }
}
