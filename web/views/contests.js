// Contests: which there are, the whole field of one, and my entries in it.

import { nowUs } from '../connection.js';
import { countText, gapText, moneyText, ordinal, prizePool, tiersOf } from '../contest.js';
import { el, setAttribute, setText } from '../dom.js';
import { formatPoints, toUnits } from '../points.js';
import { ContestEntries } from './contest_entries.js';
import { ContestEntry, slotsOf } from './contest_entry.js';
import { ContestField, factsText } from './contest_field.js';
import { Search } from './search.js';

const CURVES_EVERY_MS = 1_000;
// Of thousands; the others are found by their links.
const LISTED_MAX = 500;

export class ContestsView {
  #section;
  #feed;
  #mine;
  #model;
  #linkOf;
  #rulesetTitle;
  #isReadOnly;
  #isShown = false;
  #parts;
  #search;
  #field = new ContestField();
  #entry = new ContestEntry();
  #entries;
  #drawnEntry = null;
  #drawnList = null;

  /** feed: `ContestFeed`; mine: `MyEntries`; `linkOf(code)` the address of entries; `rulesetTitle(name)`. */
  constructor(section, { feed, mine, model, linkOf, rulesetTitle, isReadOnly }) {
    this.#section = section;
    this.#feed = feed;
    this.#mine = mine;
    this.#model = model;
    this.#linkOf = linkOf;
    this.#rulesetTitle = rulesetTitle;
    this.#isReadOnly = isReadOnly;
    this.#entries = new ContestEntries({ onChoose: (entry) => feed.choose(entry), onRemove: (entry) => this.#remove(entry) });
    this.#search = new Search({
      id: 'entry', lengthMin: 1, find: async (text) => (await feed.find(text)).filter(({ entry }) => !mine.entries.includes(entry)),
      onPick: ({ entry }) => this.#add(entry),
      words: {
        placeholder: 'Its id, or a name', list: 'Entries', none: () => 'No other entry has that in its name or id.',
        of: ({ entry, name, rank, points }) => ({ name: name ?? entry, meta: `${name === entry ? '' : `${entry} · `}${ordinal(rank)} · ${formatPoints(toUnits(points))}` }),
      },
    });
    this.#search.name('Add an entry of mine');
    this.#make();
    setInterval(() => this.#isShown && this.#drawCurves(), CURVES_EVERY_MS);
  }

  setShown(isShown) {
    this.#isShown = isShown;
    this.#feed.setShown(isShown);
    if (!isShown) return;
    this.draw();
    this.#drawCurves();
  }

  draw() {
    if (!this.#isShown) return;
    const { contest, isShared } = this.#mine;
    const { view, about, entries, list, error } = this.#feed;
    const { empty, loading, gone, body, banner, controls, share, link, invite, panel } = this.#parts;
    const isGone = contest !== null && error !== null;
    const isThere = contest !== null && !isGone && view !== null;
    this.#drawList(list, contest);
    this.#section.dataset.contest = contest ?? '';
    empty.hidden = list === null || list.length > 0 || isThere || isGone;
    loading.hidden = isThere || isGone || list?.length === 0 || (list !== null && contest === null);
    gone.hidden = !isGone;
    setText(this.#parts.goneText, isGone ? `${contest}: ${error.message}.` : '');
    body.hidden = !isThere;
    banner.hidden = !isShared || !isThere;
    if (!isThere) return;
    const isOver = this.#isOver();
    controls.hidden = isShared || this.#isReadOnly;
    share.hidden = entries.size === 0;
    link.hidden = link.hidden || entries.size === 0;
    invite.hidden = entries.size > 0;
    panel.hidden = entries.size === 0;
    // Of a talk there is nothing to press.
    this.#parts.entriesPanel.hidden = this.#isReadOnly && entries.size === 0;
    this.#drawFacts(view, about, isOver);
    const mine = [...entries].flatMap(([entry, { view: own }]) => (own ? [{ entry, points: own.points }] : []));
    this.#entries.draw({ entries, errorOf: (entry) => this.#feed.errorOf(entry), chosen: this.#feed.chosen, isOver, isReadOnly: isShared || this.#isReadOnly });
    const chosen = this.#chosen();
    this.#field.draw({ view, payouts: about?.payouts ?? [], mine, chosen: chosen && { entry: this.#feed.chosen, points: chosen.view.points } });
    this.#drawEntry(chosen, isOver);
  }

  /** What is worth saying now, '' where nothing of mine is shown. */
  sentence() {
    const view = this.#chosen()?.view;
    if (!view) return '';
    const gap = gapText(view.to_money);
    return `${view.name}: ${ordinal(view.rank)} of ${countText(view.entries)}, ${formatPoints(toUnits(view.points))} points${gap ? `, ${gap}` : ''}.`;
  }

  #chosen() {
    const held = this.#feed.entries.get(this.#feed.chosen);
    return held?.view ? held : null;
  }

  #drawFacts(view, about, isOver) {
    const payouts = about?.payouts ?? [];
    setText(this.#parts.facts, factsText({
      entries: view.entries, ruleset: this.#rulesetTitle(view.ruleset), pool: prizePool(payouts), places: payouts.at(-1)?.to ?? 0,
    }));
    setText(this.#parts.status, isOver ? 'Final' : '');
    setAttribute(this.#section, 'data-over', isOver ? 'true' : null);
    this.#drawOver(isOver);
  }

  #drawOver(isOver) {
    const { over, overText } = this.#parts;
    const views = [...this.#feed.entries.values()].flatMap(({ view }) => (view ? [view] : []));
    over.hidden = !isOver || views.length === 0;
    if (over.hidden) return;
    const best = views.reduce((one, other) => (other.rank < one.rank ? other : one));
    const won = views.reduce((cents, { payout }) => cents + Math.round(payout * 100), 0) / 100;
    const all = views.length > 1 ? `My best of ${views.length} entries, ${best.name}, came ${ordinal(best.rank)}` : `${best.name} came ${ordinal(best.rank)}`;
    setText(overText, `${all} of ${countText(best.entries)} with ${formatPoints(toUnits(best.points))} points. ${won > 0 ? `Won: ${moneyText(won)}, unless a correction comes.` : 'No prize this time, unless a correction comes.'}`);
  }

  #drawEntry(chosen, isOver) {
    this.#entry.node.hidden = chosen === null;
    if (chosen === null) {
      this.#drawnEntry = null;
      return;
    }
    const { view } = chosen;
    const { about, points, projections } = this.#feed;
    const payouts = about?.payouts ?? [];
    const places = Math.min(payouts.at(-1)?.to ?? 0, view.entries);
    const shown = `${view.topic} ${view.entries} ${places}`;
    if (shown !== this.#drawnEntry) {
      this.#drawnEntry = shown;
      this.#entry.begin({ entries: view.entries, places });
      this.#drawCurves();
    }
    const identityOf = (player) => this.#model.players.get(player) ?? { player };
    // Points are the entry's own: the players' topic may be a moment ahead.
    const pointsOf = (player) => {
      const { name, team, position, game, stats } = points.slots.get(player) ?? {};
      return { ...(name !== undefined && { name }), ...(team !== undefined && { team }), ...(position !== undefined && { position }), ...(game !== undefined && { game }), ...(stats && { stats }) };
    };
    const expectedOf = (who) => this.#model.expectedOf(who, view.ruleset) ?? projected(projections.get(who.player), view.ruleset);
    this.#entry.draw({
      view, isOver, identityOf: (player) => ({ ...identityOf(player), ...pointsOf(player) }), recent: points.recent, tiers: tiersOf(this.#feed.view.cuts ?? [], payouts),
      slots: slotsOf(view, { pointsOf, identityOf, games: this.#model.games, expectedOf }), unprojected: about?.odds?.unprojected ?? 0,
    });
  }

  #drawCurves() {
    const chosen = this.#chosen();
    if (chosen) this.#entry.drawCurves(chosen.history.data(nowUs()));
  }

  #isOver() {
    return this.#feed.view?.final === true;
  }

  #drawList(list, contest) {
    const { select, picker, count } = this.#parts;
    const known = (list ?? []).slice(0, LISTED_MAX);
    const isListed = contest === null || known.some((one) => one.contest === contest);
    const shown = isListed ? known : [{ contest, name: this.#feed.view?.name ?? contest }, ...known];
    picker.hidden = shown.length === 0;
    setText(count, list === null ? '' : list.length > LISTED_MAX ? `${countText(list.length)} contests, the first ${LISTED_MAX} listed` : '');
    const ordered = [...shown].sort((a, b) => (this.#mine.countOf(b.contest) > 0) - (this.#mine.countOf(a.contest) > 0));
    const options = ordered.map((one) => [one.contest, `${one.name ?? one.contest}${this.#mine.countOf(one.contest) > 0 ? ' · mine' : ''}`]);
    const drawn = JSON.stringify(options);
    // A list that is open is not taken away.
    if (drawn !== this.#drawnList) {
      this.#drawnList = drawn;
      const placeholder = contest === null ? [el('option', { value: '' }, 'Choose one')] : [];
      select.replaceChildren(...placeholder, ...options.map(([value, words]) => el('option', { value }, words)));
    }
    if (select.value !== (contest ?? '')) select.value = contest ?? '';
  }

  #add(entry) {
    const isTaken = this.#mine.add(entry);
    setText(this.#parts.hint, isTaken ? '' : `No more than ${countText(this.#mine.entries.length)} entries are followed.`);
    if (isTaken) this.#feed.choose(entry);
  }

  #remove(entry) {
    this.#mine.remove(entry);
    setText(this.#parts.hint, '');
    // The row is gone; the keyboard goes on where another comes from.
    this.#search.focus();
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

  #make() {
    const select = el('select', { id: 'contest' });
    const picker = el('label', { class: 'field contest-field-label', 'data-control': '' }, el('span', { class: 'hidden' }, 'Contest'), select);
    const [count, facts, status] = [el('p', { class: 'contest-count' }), el('p', { class: 'contest-facts', id: 'contest-facts' }), el('span', { class: 'badge badge-plain', id: 'contest-status' })];
    const empty = el('div', { class: 'empty', id: 'no-contests', hidden: '' }, el('h2', {}, 'No contests yet'),
      el('p', {}, 'Post one with its entries, and every rank moves with every play:'), el('p', {}, el('code', {}, `curl --data-binary @contest.ndjson ${location.origin}/v1/contests`)));
    const loading = el('p', { class: 'hint', hidden: '' }, 'Looking for contests …');
    const goneText = el('p');
    const gone = el('div', { class: 'refused', id: 'contest-gone', role: 'status', hidden: '' }, goneText);
    const [over, overText] = [el('section', { class: 'over', id: 'contest-over', 'aria-label': 'How it ended', hidden: '' }), el('p')];
    over.append(el('h3', {}, 'That was the contest'), overText);
    const share = button('Copy a link', 'entries-share', () => this.#share());
    const link = el('input', { id: 'entries-link', class: 'team-link', readonly: '', 'aria-label': 'A link to these entries', hidden: '' });
    const hint = el('p', { class: 'leaders-hint', role: 'status' });
    const controls = el('div', { class: 'team-controls', 'data-control': '' }, this.#search.node, el('div', { class: 'team-buttons' }, share), link, hint);
    const banner = el('div', { class: 'banner', id: 'entries-shared', hidden: '' }, el('p', {}, 'You are looking at entries from a link.'),
      button('Keep them as mine', 'entries-keep', () => this.#mine.keep()), button('Back to mine', 'entries-leave', () => this.#mine.leave()));
    const invite = el('div', { class: 'invite', id: 'entries-invite' }, el('p', {}, el('strong', {}, 'Are you in it?'), ' ',
      'Add your entries by name or id, and see where they stand with every play: rank, prize, and what each player still needs.'));
    const panel = el('div', { class: 'entries-scroll' }, this.#entries.node);
    const entriesPanel = el('section', { class: 'panel entries-panel', 'aria-label': 'My entries' }, el('h3', { class: 'entries-title' }, 'My entries'), controls, invite, panel);
    const body = el('div', { class: 'contest-body', hidden: '' }, over, entriesPanel, this.#entry.node, this.#field.node);
    this.#section.replaceChildren(el('div', { class: 'view-head contest-head' }, el('h2', {}, 'Contests'), picker, status, facts, count), banner, empty, loading, gone, body);
    select.addEventListener('change', () => select.value !== '' && this.#mine.choose(select.value));
    this.#parts = { select, picker, count, facts, status, empty, loading, gone, goneText, over, overText, share, link, hint, controls, banner, invite, panel, entriesPanel, body };
  }
}

function projected(answer, ruleset) {
  if (!answer || answer.ruleset !== ruleset || !Number.isFinite(answer.projected)) return null;
  const { projected: points, low = points, high = points, source } = answer;
  return { points, low, high, source };
}

function button(words, id, onClick) {
  const node = el('button', { type: 'button', class: 'button', id }, words);
  node.addEventListener('click', onClick);
  return node;
}
