// Which entries are mine, by contest: kept in this browser, or shown from somebody's link, which touches mine only
// when asked. Both come from outside: what is no list to the last character is none.

const STORAGE_KEY = 'scorewire.entries';
const VERSION = '1';
// As many as a site lets one fan enter.
export const ENTRIES_MAX = 150;
const CONTESTS_MAX = 20;
const CODE_MAX = 12_000;
// The form of ids in docs/protocol.md.
const ID = /^[!-~]{1,64}$/;
const NOT_IN_ID = /[ ,"\\/]/;

/** "1,CONTEST,ENTRY,ENTRY": for storage and for links. */
export function encodeEntries({ contest, entries }) {
  return [VERSION, ...[contest, ...entries].map(encodeURIComponent)].join(',');
}

/** `{contest, entries}` of such a line, or null for anything else. */
export function decodeEntries(code) {
  if (typeof code !== 'string' || code.length > CODE_MAX) return null;
  const [version, ...parts] = code.split(',');
  const [contest, ...entries] = parts.map(decodeId);
  if (version !== VERSION || !contest || entries.length > ENTRIES_MAX || entries.includes(null) || new Set(entries).size !== entries.length) return null;
  return { contest, entries };
}

/** Whether a text has the form of an id. */
export function isId(text) {
  return ID.test(text) && !NOT_IN_ID.test(text);
}

export class MyEntries {
  /** The one that was looked at last comes first: `[{contest, entries}]`. */
  #mine;
  #shared = null;
  #onChange;

  /** `onChange()` when another contest or other entries are shown. */
  constructor({ onChange }) {
    this.#onChange = onChange;
    const stored = (read() ?? '').slice(0, CODE_MAX * CONTESTS_MAX).split(';').map(decodeEntries);
    this.#mine = stored.filter((one, i) => one !== null && stored.findIndex((other) => other?.contest === one.contest) === i).slice(0, CONTESTS_MAX);
  }

  /** The contest that is shown, or null. */
  get contest() {
    return (this.#shared ?? this.#mine[0])?.contest ?? null;
  }

  /** The entries of it that are shown. */
  get entries() {
    return (this.#shared ?? this.#mine[0])?.entries ?? [];
  }

  get isShared() {
    return this.#shared !== null;
  }

  get code() {
    return encodeEntries(this);
  }

  /** How many of that contest are mine. */
  countOf(contest) {
    return this.#of(contest).entries.length;
  }

  /** Shows the entries of a link; false where it is none. */
  show(code) {
    const shared = decodeEntries(code);
    if (!shared) return false;
    this.#shared = shared;
    this.#onChange();
    return true;
  }

  /** What a link showed becomes mine, beside what is mine already. */
  keep() {
    if (!this.#shared) return;
    const { contest, entries } = this.#shared;
    this.#become(contest, [...new Set([...this.#of(contest).entries, ...entries])]);
  }

  /** Back from a link's entries to mine. */
  leave() {
    this.#shared = null;
    this.#onChange();
  }

  choose(contest) {
    if (isId(contest)) this.#become(contest, this.#of(contest).entries);
  }

  /** False where there are as many as may be. */
  add(entry) {
    const { contest, entries } = this;
    if (contest === null || !isId(entry)) return false;
    if (entries.includes(entry)) return true;
    if (entries.length >= ENTRIES_MAX) return false;
    this.#become(contest, [...entries, entry]);
    return true;
  }

  remove(entry) {
    if (this.contest !== null) this.#become(this.contest, this.entries.filter((one) => one !== entry));
  }

  #of(contest) {
    return this.#mine.find((one) => one.contest === contest) ?? { contest, entries: [] };
  }

  #become(contest, entries) {
    this.#shared = null;
    this.#mine = [{ contest, entries: entries.slice(0, ENTRIES_MAX) }, ...this.#mine.filter((one) => one.contest !== contest)].slice(0, CONTESTS_MAX);
    write(this.#mine.map(encodeEntries).join(';'));
    this.#onChange();
  }
}

function decodeId(text) {
  try {
    const id = decodeURIComponent(text);
    return isId(id) ? id : null;
  } catch {
    return null;
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
    // Without storage they last as long as the page.
  }
}
