// What just happened to a team: the newest first, corrections as such.

import { arrange, el, flash } from '../dom.js';
import { displayName } from '../people.js';
import { formatChange } from '../points.js';

export class TeamNews {
  node;
  #items = new Map();

  constructor(id) {
    this.node = el('ol', { class: 'news', id });
  }

  /** `recent` as of `LineupPoints`; `identityOf(id)` says who that is. */
  draw(recent, identityOf) {
    const kept = new Set(recent.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!kept.has(id)) this.#items.delete(id);
    const items = recent.map((entry) => {
      if (!this.#items.has(entry.id)) this.#items.set(entry.id, makeItem(entry, displayName({ ...identityOf(entry.player), player: entry.player })));
      return this.#items.get(entry.id);
    });
    arrange(this.node, items);
  }
}

function makeItem({ units, text, badge, changes }, who) {
  const direction = units > 0 ? 'up' : units < 0 ? 'down' : 'same';
  const name = el('span', { class: 'news-who' }, who);
  if (badge) name.append(el('span', { class: 'badge' }, badge));
  if (changes > 1) name.append(el('span', { class: 'badge badge-plain' }, `${changes} in one`));
  const item = el('li', { class: 'news-item', 'data-kind': badge ? 'correction' : 'play' },
    el('span', { class: 'news-change', 'data-direction': direction }, formatChange(units)), name, el('span', { class: 'news-text' }, text));
  flash(item, 'new');
  return item;
}
