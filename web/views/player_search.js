// The search for a player: an editable combobox with a list, by the ARIA pattern. The focus stays in the
// field; arrows move the active option, Enter takes it, Escape closes.

import { el, setAttribute, setText } from '../dom.js';
import { displayName, metaText } from '../people.js';

const ASK_AFTER_MS = 200;
const LENGTH_MIN = 2;
const OPTIONS_MAX = 8;

export class PlayerSearch {
  node = el('div', { class: 'search' });
  #input = el('input', {
    id: 'team-search', type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'team-options', 'aria-autocomplete': 'list',
    autocomplete: 'off', spellcheck: 'false', maxlength: '60', placeholder: 'Name or team',
  });
  #label = el('label', { for: 'team-search', class: 'search-label' });
  #list = el('ul', { id: 'team-options', role: 'listbox', 'aria-label': 'Players', class: 'options', hidden: '' });
  #status = el('p', { class: 'hint search-hint', hidden: '' });
  #find;
  #onPick;
  #options = [];
  #active = -1;
  #timer = null;
  #asked = 0;

  /** `find(text)` promises players, at most as many as there are; `onPick(player)`. */
  constructor({ find, onPick }) {
    this.#find = find;
    this.#onPick = onPick;
    this.node.append(this.#label, el('div', { class: 'search-box' }, this.#input, this.#list), this.#status);
    this.#input.addEventListener('input', () => this.#askSoon());
    this.#input.addEventListener('keydown', (event) => this.#key(event));
    this.#input.addEventListener('blur', () => this.#close());
    // The field keeps the focus, so a press on an option is no blur.
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault());
    this.#list.addEventListener('click', (event) => this.#pick(this.#options[[...this.#list.children].indexOf(event.target.closest('li'))]));
  }

  /** What is searched for now: "Add a player", or for one slot. */
  name(text) {
    setText(this.#label, text);
  }

  focus() {
    this.#input.focus();
    if (this.#input.value.trim().length >= LENGTH_MIN) this.#askSoon();
  }

  clear() {
    this.#input.value = '';
    this.#close();
  }

  #askSoon() {
    clearTimeout(this.#timer);
    const text = this.#input.value.trim();
    if (text.length < LENGTH_MIN) {
      this.#close();
      return;
    }
    this.#timer = setTimeout(() => this.#ask(text), ASK_AFTER_MS);
  }

  async #ask(text) {
    this.#asked += 1;
    const asked = this.#asked;
    const found = await this.#find(text);
    // An answer to what was typed before is no answer any more.
    if (asked !== this.#asked || document.activeElement !== this.#input) return;
    this.#options = found.slice(0, OPTIONS_MAX);
    this.#list.replaceChildren(...this.#options.map((player, i) => el('li', { id: `team-option-${i}`, role: 'option', 'aria-selected': 'false' },
      el('span', { class: 'name' }, displayName(player)), el('span', { class: 'meta' }, metaText(player)))));
    this.#list.hidden = this.#options.length === 0;
    setAttribute(this.#input, 'aria-expanded', String(!this.#list.hidden));
    this.#status.hidden = this.#options.length > 0;
    setText(this.#status, this.#options.length > 0 ? '' : 'Nobody of that name fits an open slot.');
    this.#activate(this.#options.length > 0 ? 0 : -1);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.#options.length > 0) {
      event.preventDefault();
      this.#activate((this.#active + step + this.#options.length) % this.#options.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#pick(this.#options[this.#active]);
    } else if (event.key === 'Escape') {
      if (this.#list.hidden) this.#input.value = '';
      this.#close();
    }
  }

  #activate(index) {
    this.#active = index;
    [...this.#list.children].forEach((option, i) => setAttribute(option, 'aria-selected', String(i === index)));
    setAttribute(this.#input, 'aria-activedescendant', index >= 0 ? `team-option-${index}` : null);
    this.#list.children[index]?.scrollIntoView({ block: 'nearest' });
  }

  #pick(player) {
    if (!player) return;
    this.clear();
    this.#onPick(player);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#options = [];
    this.#list.replaceChildren();
    this.#list.hidden = true;
    this.#status.hidden = true;
    setAttribute(this.#input, 'aria-expanded', 'false');
    this.#activate(-1);
  }
}
