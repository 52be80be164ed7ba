// My team: its total, who stands in it, what just happened, points over time, and how it is thought to end.

import { axis, Chart, colour, timeAxis, timeRange } from '../charts.js';
import { nowUs } from '../connection.js';
import { el, setAttribute, setText } from '../dom.js';
import { projectedTotal } from '../lineup_points.js';
import { formatPoints, toUnits } from '../points.js';
import { displayName, metaText, positionOf } from '../people.js';
import { FORMATS, mayStand, openSlot } from '../team.js';
import { drawPoints } from './points_cell.js';
import { Search } from './search.js';
import { TeamNews } from './team_news.js';
import { TeamSlots } from './team_slots.js';

const CURVE_EVERY_MS = 1_000;

export class TeamView {
  #section;
  #model;
  #mine;
  #points;
  #linkOf;
  #whyRefused;
  #isReadOnly;
  #parts;
  #chosen = null;
  #isShown = false;
  #slots;
  #search;
  #news = new TeamNews('recent');
  #curve;
  /** player -> the answer of its projection, for what no frame has told yet. */
  #projections = new Map();

  /**
   * mine: `MyTeam`; points: `LineupPoints`; `find(text)` promises players, `best()` gives them best first,
   * `linkOf(code)` the address of a team; `whyRefused()` the server's words where it follows none, else null.
   */
  constructor(section, { model, mine, points, find, best, linkOf, whyRefused, isReadOnly }) {
    this.#isReadOnly = isReadOnly;
    this.#whyRefused = whyRefused;
    this.#section = section;
    this.#model = model;
    this.#mine = mine;
    this.#points = points;
    this.#linkOf = linkOf;
    this.#slots = new TeamSlots({ onChoose: (index) => this.#choose(index), onRemove: (index) => this.#remove(index) });
    this.#search = new Search({
      id: 'team',
      words: {
        placeholder: 'Name or team', list: 'Players', none: () => 'Nobody of that name fits an open slot.',
        of: (player) => ({ name: displayName(player), meta: metaText(player) }),
      },
      find: async (text) => (await find(text)).filter((player) => this.#fits(player)),
      onPick: (player) => this.#pick(player),
    });
    this.#make(best);
    setInterval(() => this.#isShown && this.#drawCurve(), CURVE_EVERY_MS);
  }

  setShown(isShown) {
    this.#isShown = isShown;
    if (!isShown) return;
    this.draw();
    this.#drawCurve();
  }

  /** What `GET /v1/players/ID/projection` said; null where there is none. */
  addProjection(player, answer) {
    this.#projections.set(player, answer);
  }

  /** The next total is drawn without a flash: it is another sum, not a change of this one. */
  begin() {
    this.#parts.total.drawnUnits = null;
    setText(this.#parts.total.change, '');
    if (this.#chosen !== null && this.#mine.team.players[this.#chosen] !== null) this.#chosen = null;
  }

  draw() {
    if (!this.#isShown) return;
    const { team, isShared } = this.#mine;
    const { total, banner, controls, format, invite, body, newsTitle, fill, clear, share, refused } = this.#parts;
    const isEmpty = this.#mine.ids().length === 0;
    banner.hidden = !isShared;
    controls.hidden = isShared || this.#isReadOnly;
    format.value = team.format;
    invite.hidden = !isEmpty;
    fill.hidden = team.players.every((id) => id !== null);
    clear.hidden = isEmpty;
    share.hidden = isEmpty;
    body.hidden = isEmpty;
    newsTitle.parentElement.hidden = this.#points.recent.length === 0;
    const error = this.#whyRefused();
    refused.hidden = error === null;
    setText(refused, error === null ? '' : `The server does not follow this team: ${error}`);
    drawPoints(total, isEmpty ? 0 : this.#points.totalUnits);
    this.#search.name(this.#chosen === null ? 'Add a player' : `Add a player for ${FORMATS[team.format].slots[this.#chosen].slot}`);
    this.#slots.draw({
      team, slots: this.#points.slots, games: this.#model.games, chosen: this.#chosen, isReadOnly: isShared || this.#isReadOnly,
      identityOf: (id) => this.#model.players.get(id) ?? { player: id },
      expectedOf: (slot) => (this.#isOver(slot) ? null : this.#expectedOf(slot)),
    });
    this.#news.draw(this.#points.recent, (id) => ({ ...this.#model.players.get(id), ...this.#points.slots.get(id) }));
    this.#drawProjected();
  }

  #drawProjected() {
    const { projected, projectedNote, status } = this.#parts;
    const slots = [...this.#points.slots.values()];
    const isOver = slots.length > 0 && slots.every((slot) => this.#isOver(slot));
    setAttribute(this.#section, 'data-over', isOver ? 'true' : null);
    setText(status, isOver ? 'Final' : '');
    const ends = slots.map((slot) => this.#endOf(slot));
    const sum = projectedTotal(ends);
    const isKnown = !isOver && slots.length > 0 && sum.open < slots.length;
    projected.parentElement.hidden = !isKnown;
    if (!isKnown) return;
    const words = (units) => formatPoints(units).replace(/\.\d+$/, '');
    setText(projected, `${formatPoints(sum.units).replace(/\d$/, '')} (${words(sum.low)}–${words(sum.high)})`);
    setText(projectedNote, sum.open > 0 ? `${sum.open} of ${slots.length} as they stand` : 'in 8 of 10 nights');
  }

  // A slot's end: what it has where its game is over, what is thought of it, or just what it has.
  #endOf(slot) {
    const units = slot.units ?? 0;
    if (this.#isOver(slot)) return { units, low: units, high: units };
    const expected = this.#expectedOf(slot);
    if (!expected) return { units };
    return { units: toUnits(expected.points), low: toUnits(expected.low), high: toUnits(expected.high) };
  }

  // In the slot, so times its multiplier; from the game's frames, or asked for where none has come.
  #expectedOf(slot) {
    const expected = this.#model.expectedOf(slot) ?? this.#fetchedOf(slot);
    const { multiplier = 1 } = slot;
    if (!expected || multiplier === 1) return expected;
    return { ...expected, points: expected.points * multiplier, low: expected.low * multiplier, high: expected.high * multiplier };
  }

  #fetchedOf({ player }) {
    const answer = this.#projections.get(player);
    if (!answer || answer.ruleset !== this.#model.ruleset || !Number.isFinite(answer.projected)) return null;
    const { projected: points, low = points, high = points, source } = answer;
    return { points, low, high, source };
  }

  #isOver({ game }) {
    return this.#model.games.get(game)?.status === 'final';
  }

  #drawCurve() {
    const data = this.#points.curve.data(nowUs(), this.#points.totalUnits);
    const label = data[0].length === 0 ? 'no play yet' : `from ${data[1][0].toFixed(2)} to ${data[1].at(-1).toFixed(2)}`;
    this.#curve.set(data, `Points over time: ${label}`);
  }

  #fits({ player, position, team }) {
    const { format, players } = this.#mine.team;
    const at = positionOf({ player, position, team });
    if (players.includes(player)) return false;
    return this.#chosen === null ? openSlot(this.#mine.team, at) >= 0 : mayStand(format, this.#chosen, at);
  }

  #pick(player) {
    const index = this.#chosen ?? openSlot(this.#mine.team, positionOf(player));
    this.#chosen = null;
    this.#model.addPlayers([player]);
    if (index >= 0) this.#mine.put(index, player.player);
  }

  #choose(index) {
    this.#chosen = this.#chosen === index ? null : index;
    this.draw();
    if (this.#chosen !== null) this.#search.focus();
  }

  #remove(index) {
    this.#mine.remove(index);
    this.#slots.focus(index);
  }

  #make(best) {
    const total = { points: el('span', { class: 'total-value', id: 'total' }), change: el('span', { class: 'change', id: 'total-change', 'aria-hidden': 'true' }), drawnUnits: null };
    const status = el('span', { class: 'badge badge-plain', id: 'team-status' });
    const projected = el('span', { class: 'projected-value', id: 'projected' });
    const projectedNote = el('span', { class: 'projected-note' });
    const format = el('select', { id: 'format' }, ...Object.entries(FORMATS).map(([name, { title }]) => el('option', { value: name }, title)));
    const fill = button('Fill with tonight’s best', 'fill', () => this.#mine.fill(best()));
    const clear = button('Clear', 'clear', () => this.#mine.clear());
    const share = button('Copy a link', 'share', () => this.#share());
    const link = el('input', { id: 'team-link', class: 'team-link', readonly: '', 'aria-label': 'A link to this team', hidden: '' });
    const banner = el('div', { class: 'banner', id: 'shared', hidden: '' }, el('p', {}, 'You are looking at a team from a link.'),
      button('Keep it as mine', 'keep', () => this.#mine.keep()), button('Back to mine', 'leave', () => this.#mine.leave()));
    const controls = el('div', { class: 'team-controls', 'data-control': '' },
      el('label', { class: 'field' }, el('span', {}, 'Slots'), format), this.#search.node, el('div', { class: 'team-buttons' }, fill, share, clear), link);
    const invite = el('div', { class: 'invite', id: 'invite' }, el('p', {}, el('strong', {}, 'Whose night is it?'), ' ',
      'Find your players, or fill the slots with tonight’s best, and watch every point arrive as the plays happen.'));
    const refused = el('p', { class: 'refused', role: 'status', hidden: '' });
    const curveHost = el('div', { class: 'curve-chart', 'data-waiting': 'Drawn from the first play on' });
    const curve = el('div', { class: 'panel curve' }, el('h3', {}, 'Points over time'), curveHost);
    const newsTitle = el('h3', {}, 'Just happened');
    const body = el('div', { class: 'team-side' }, curve, el('div', { class: 'panel news-panel' }, newsTitle, this.#news.node));
    this.#curve = new Chart(curveHost, curveOptions);
    this.#section.replaceChildren(banner, refused,
      el('div', { class: 'team-head' }, el('div', { class: 'team-title' }, el('h2', {}, 'My team'), status),
        el('p', { class: 'total' }, total.points, total.change),
        el('p', { class: 'projected', hidden: '' }, el('span', { class: 'projected-label' }, 'On course for'), projected, projectedNote)),
      el('div', { class: 'team-columns' }, el('div', { class: 'panel team-panel' }, controls, invite, this.#slots.node), body));
    format.addEventListener('change', () => {
      this.#chosen = null;
      this.#mine.useFormat(format.value);
    });
    this.#parts = { total, status, projected, projectedNote, format, fill, clear, share, link, banner, controls, invite, newsTitle, body, refused };
  }

  async #share() {
    const { link, share } = this.#parts;
    link.value = this.#linkOf(this.#mine.code);
    link.hidden = false;
    try {
      await navigator.clipboard.writeText(link.value);
      setText(share, 'Link copied');
    } catch {
      // No clipboard here: the link stands there to be copied by hand.
      link.select();
    }
  }
}

function button(words, id, onClick) {
  const node = el('button', { type: 'button', class: 'button', id }, words);
  node.addEventListener('click', onClick);
  return node;
}

function curveOptions(UPlot) {
  return {
    padding: [8, 30, 0, 0], cursor: { y: false, points: { show: false } }, legend: { show: false },
    scales: { x: { time: true, range: timeRange }, y: { range: (plot, min, max) => [Math.min(0, min ?? 0), Math.max(10, (max ?? 0) * 1.08)] } },
    series: [{}, { stroke: colour('--accent'), fill: colour('--accent-soft'), width: 2, paths: UPlot.paths.stepped({ align: 1 }), points: { show: false } }],
    axes: [timeAxis(), axis({ size: 38 })],
  };
}
