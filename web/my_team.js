// Who stands in my team: kept in this browser, or shown from somebody's link, which touches mine only when asked.

import { decodeTeam, emptyTeam, encodeTeam, filled, FORMATS, openSlot, withPlayer } from './team.js';

const STORAGE_KEY = 'scorewire.team';

export class MyTeam {
  #mine;
  #shared = null;
  #ruleset;
  #rulesets;
  #onChange;

  /** `onChange()` after somebody came or left, or another team is shown. */
  constructor({ ruleset, rulesets, onChange }) {
    this.#ruleset = ruleset;
    this.#rulesets = rulesets;
    this.#onChange = onChange;
    this.#mine = decodeTeam(read(), rulesets) ?? emptyTeam('classic', ruleset);
  }

  /** The team that is shown, under the page's ruleset. */
  get team() {
    return { ...(this.#shared ?? this.#mine), ruleset: this.#ruleset };
  }

  get isShared() {
    return this.#shared !== null;
  }

  get code() {
    return encodeTeam(this.team);
  }

  ids() {
    return this.team.players.filter((id) => id !== null);
  }

  /** Of mine, whatever is shown. */
  has(id) {
    return this.#mine.players.includes(id);
  }

  /** Shows the team of a link; false where it is none. */
  show(code) {
    const team = decodeTeam(code, this.#rulesets);
    if (!team) return false;
    this.#shared = team;
    this.#onChange();
    return true;
  }

  /** The ruleset that the shown link asks for, or null. */
  get sharedRuleset() {
    return this.#shared?.ruleset ?? null;
  }

  /** What a link showed becomes mine. */
  keep() {
    if (this.#shared) this.#become(this.#shared);
  }

  /** Back from a link's team to mine. */
  leave() {
    this.#shared = null;
    this.#onChange();
  }

  useRuleset(ruleset) {
    this.#ruleset = ruleset;
    this.#onChange();
  }

  useFormat(format) {
    if (format in FORMATS && format !== this.#mine.format) this.#become(emptyTeam(format, this.#ruleset));
  }

  put(index, id) {
    this.#become(withPlayer(this.#mine, index, id));
  }

  remove(index) {
    this.#become(withPlayer(this.#mine, index, null));
  }

  clear() {
    this.#become(emptyTeam(this.#mine.format, this.#ruleset));
  }

  fill(candidates) {
    this.#become(filled(this.#mine, candidates));
  }

  /** In or out, at the first slot that fits; false where none is open. */
  toggle(id, position) {
    const held = this.#mine.players.indexOf(id);
    const index = held >= 0 ? held : openSlot(this.#mine, position);
    if (index < 0) return false;
    this.#become(withPlayer(this.#mine, index, held >= 0 ? null : id));
    return true;
  }

  #become(team) {
    this.#mine = team;
    this.#shared = null;
    write(encodeTeam({ ...team, ruleset: this.#ruleset }));
    this.#onChange();
  }
}

function read() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function write(text) {
  try {
    localStorage.setItem(STORAGE_KEY, text);
  } catch {
    // Without storage the team lasts as long as the page.
  }
}
