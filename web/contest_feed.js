// What the page follows of contests: the one that is shown, my entries in it, and the players of the one that is
// looked at. Filled by frames, read by the views; touches no element.
//
//   contest:ID ──────────────► view                       entry:ID/ENTRY ──► entries, their steps
//   lineup of the chosen entry ► points: each player's plays and corrections, which an entry's frames do not tell

import { RankHistory } from './contest.js';
import { LineupPoints } from './lineup_points.js';

// Figures that change faster can't be read; scoring plays and corrections don't wait.
const RATE_HZ = 2;
const LIST_EVERY_MS = 30_000;
const PROJECTED_EVERY_MS = 60_000;
const PROJECTIONS_MAX = 400;
const MY_ENTRY = 'my entry';
const STORAGE_KEY = 'scorewire.ranks';

export class ContestFeed {
  /** `GET /v1/contests`; null before it was answered. */
  list = null;
  /** `GET /v1/contests/ID` of the one that is shown, or null. */
  about = null;
  /** What its topic shows, or null. */
  view = null;
  /** entry -> `{view, history}`, `view` null before the first frame. */
  entries = new Map();
  /** The entry whose players are shown, or null. */
  chosen = null;
  points = new LineupPoints();
  /** player -> the answer of his projection, where there is one. */
  projections = new Map();
  #connection;
  #mine;
  #model;
  #now;
  #learnPeople;
  #onChange;
  #contest = null;
  #topic = null;
  #topics = new Map();
  #followedLineup = 'null';
  #isShown = false;
  #listedAtMs = -Infinity;
  #learntAtMs = -Infinity;
  #askedAtMs = new Map();
  #isPicked = false;
  #askedNames = new Set();

  /**
   * mine: `MyEntries`; `now()` in microseconds; `learnPeople(text)` brings names into the model; `onChange(update)`, the
   * update null where it was no frame.
   */
  constructor({ connection, mine, model, now, learnPeople, onChange }) {
    this.#learnPeople = learnPeople;
    this.#connection = connection;
    this.#mine = mine;
    this.#model = model;
    this.#now = now;
    this.#onChange = onChange;
    setInterval(() => this.#look(), 1_000);
  }

  /** Why there is nothing of the contest, `{code, message}`; null where it is followed. */
  get error() {
    return this.#topic?.error ?? null;
  }

  /** The same of an entry. */
  errorOf(entry) {
    return this.#topics.get(entry)?.error ?? null;
  }

  setShown(isShown) {
    this.#isShown = isShown;
    if (isShown) this.#look();
  }

  /** Other entries, or another contest. */
  follow() {
    // Who has chosen none looks at the first there is.
    if (this.#mine.contest === null && this.list?.length > 0) {
      this.#mine.choose(this.list[0].contest);
      return;
    }
    const { contest, entries } = this.#mine;
    if (contest !== this.#contest) this.#begin(contest);
    for (const [entry, topic] of this.#topics) {
      if (entries.includes(entry)) continue;
      topic.close();
      this.#topics.delete(entry);
      this.entries.delete(entry);
    }
    for (const entry of entries) {
      if (this.#topics.has(entry)) continue;
      this.entries.set(entry, { view: null, history: readHistory(contest, entry) });
      this.#topics.set(entry, this.#connection.listen(`entry:${contest}/${entry}`, RATE_HZ, (update) => this.#entryUpdated(entry, update)));
    }
    if (!entries.includes(this.chosen)) this.#pickBest();
    this.#followChosen();
    this.#onChange(null);
  }

  choose(entry) {
    this.#isPicked = true;
    this.chosen = entry;
    this.#followChosen();
    this.#onChange(null);
  }

  /** Entries of the contest whose name or id has that text in it. */
  async find(text) {
    const answer = await this.#connection.tryJson(`/v1/contests/${encodeURIComponent(this.#contest)}/entries?count=20&q=${encodeURIComponent(text)}`);
    return Array.isArray(answer?.found) ? answer.found : [];
  }

  /** Another history of the server's: what it knows of contests may be another, too. */
  forgetList() {
    this.#listedAtMs = -Infinity;
    if (this.#contest !== null) this.#learnAbout(this.#contest);
  }

  /** Keeps the ranks so far for when this page is loaded again. */
  keepHistories() {
    try {
      const kept = [...this.entries].map(([entry, { history }]) => [`${this.#contest}/${entry}`, history.write()]);
      sessionStorage.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(kept)));
    } catch {
      // Without storage, or without room in it, the lines begin anew.
    }
  }

  #begin(contest) {
    this.#topic?.close();
    for (const topic of this.#topics.values()) topic.close();
    this.#topics.clear();
    this.entries.clear();
    Object.assign(this, { about: null, view: null, chosen: null });
    this.#isPicked = false;
    this.#contest = contest;
    this.#topic = contest === null ? null : this.#connection.listen(`contest:${contest}`, RATE_HZ, (update) => this.#contestUpdated(update));
    if (contest !== null) this.#learnAbout(contest);
  }

  async #learnAbout(contest) {
    const about = await this.#connection.tryJson(`/v1/contests/${encodeURIComponent(contest)}`);
    if (contest !== this.#contest) return;
    this.#learntAtMs = Date.now();
    this.about = about ?? this.about;
    this.#onChange(null);
  }

  #contestUpdated(update) {
    this.view = update.view;
    // One that was posted again under its name may be another.
    if (update.frame?.type === 'snapshot') this.#learnAbout(this.#contest);
    this.#onChange(update);
  }

  #entryUpdated(entry, update) {
    const held = this.entries.get(entry);
    if (!held) return;
    held.view = update.view;
    held.history.add(this.#now(), update.view);
    if (!this.#isPicked) this.#pickBest();
    if (this.chosen === entry) this.#followChosen();
    this.#onChange(update);
  }

  // Until somebody chooses one, or all have told where they stand.
  #pickBest() {
    const told = [...this.entries].filter(([, { view }]) => view !== null).sort((a, b) => a[1].view.rank - b[1].view.rank);
    this.chosen = told[0]?.[0] ?? null;
    this.#isPicked = told.length > 0 && told.length === this.entries.size;
    this.#followChosen();
  }

  // By the contest's own ruleset, so that points are those of the entry.
  #followChosen() {
    const view = this.entries.get(this.chosen)?.view ?? null;
    const slots = view?.slots?.map(({ slot, player, multiplier }) => ({ slot, player, ...(multiplier !== undefined && { multiplier }) })) ?? [];
    const asked = slots.length > 0 ? { ruleset: view.ruleset, slots } : null;
    const name = JSON.stringify(asked);
    if (name === this.#followedLineup) return;
    this.#followedLineup = name;
    this.points.begin(slots);
    this.#connection.followLineup(MY_ENTRY, asked, (update) => {
      this.points.apply(update, this.#now());
      this.#model.addPlayers(update.view.slots);
      this.#onChange(update);
    });
    this.#look();
  }

  #look() {
    if (!this.#isShown) return;
    if (Date.now() - this.#listedAtMs > LIST_EVERY_MS) this.learnList();
    // Whose rest nobody can forecast changes as games begin.
    if (this.#contest !== null && Date.now() - this.#learntAtMs > LIST_EVERY_MS) {
      this.#learntAtMs = Date.now();
      this.#learnAbout(this.#contest);
    }
    for (const { player, name } of this.points.slots.values()) {
      this.#learnProjection(player);
      if (name === undefined) this.#learnName(player);
    }
  }

  // Frames leave out who has not played yet.
  async #learnName(player) {
    if (this.#askedNames.has(player) || this.#model.players.get(player)?.name !== undefined) return;
    if (this.#askedNames.size >= PROJECTIONS_MAX) this.#askedNames.clear();
    this.#askedNames.add(player);
    await this.#learnPeople(player);
    this.#onChange(null);
  }

  /** Asks which contests there are. */
  async learnList() {
    this.#listedAtMs = Date.now();
    const answer = await this.#connection.tryJson('/v1/contests');
    // No answer just now: soon again.
    if (!Array.isArray(answer?.contests)) this.#listedAtMs = Date.now() - LIST_EVERY_MS + 2_000;
    else this.list = answer.contests;
    this.follow();
  }

  // Frames tell it for games with a prediction; of the others it is asked for now and then.
  async #learnProjection(player) {
    const known = this.#model.players.get(player);
    const isOver = this.#model.games.get(known?.game)?.status === 'final';
    const isFresh = Date.now() - (this.#askedAtMs.get(player) ?? -Infinity) < PROJECTED_EVERY_MS;
    if (isFresh || isOver || player.startsWith('dst:') || (known && this.#model.expectedOf(known, this.view?.ruleset))) return;
    this.#askedAtMs.delete(player);
    this.#askedAtMs.set(player, Date.now());
    for (const old of [...this.#askedAtMs.keys()].slice(0, -PROJECTIONS_MAX)) {
      this.#askedAtMs.delete(old);
      this.projections.delete(old);
    }
    this.projections.set(player, await this.#connection.tryJson(`/v1/players/${encodeURIComponent(player)}/projection?horizon=game`));
    this.#onChange(null);
  }
}

function readHistory(contest, entry) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY)) ?? {};
    const key = `${contest}/${entry}`;
    return RankHistory.read(Object.hasOwn(kept, key) ? kept[key] : null);
  } catch {
    return RankHistory.read(null);
  }
}
