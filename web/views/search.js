// A search: an editable combobox with a list, by the ARIA pattern. The focus stays in the field; arrows move the
// active option, Enter takes it, Escape closes.

import { el, setAttribute, setText } from '../dom.js';

const ASK_AFTER_MS = 200;
const OPTIONS_MAX = 8;

export class Search {
  node = el('div', { class: 'search' });
  #input;
  #label;
  #list;
  #status = el('p', { class: 'hint search-hint', hidden: '' });
  #id;
  #lengthMin;
  #find;
  #onPick;
  #words;
  #options = [];
  #active = -1;
  #timer = null;
  #asked = 0;

  /**
   * `find(text)` promises a list; `onPick(one)`; `words`: `placeholder`, `list` (what the options are), `none()` for an
   * empty list, and `of(one)` gives `{name, meta}`. Ids of elements begin with `id`; it asks from `lengthMin` letters on.
   */
  constructor({ id, lengthMin = 2, words, find, onPick }) {
    this.#id = id;
    this.#lengthMin = lengthMin;
    this.#find = find;
    this.#onPick = onPick;
    this.#words = words;
    this.#input = el('input', {
      id: `${id}-search`, type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': `${id}-options`, 'aria-autocomplete': 'list',
      autocomplete: 'off', spellcheck: 'false', maxlength: '60', placeholder: words.placeholder,
    });
    this.#label = el('label', { for: `${id}-search`, class: 'search-label' });
    this.#list = el('ul', { id: `${id}-options`, role: 'listbox', 'aria-label': words.list, class: 'options', hidden: '' });
    this.node.append(this.#label, el('div', { class: 'search-box' }, this.#input, this.#list, this.#status));
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
    if (this.#input.value.trim().length >= this.#lengthMin) this.#askSoon();
  }

  clear() {
    this.#input.value = '';
    this.#close();
  }

  #askSoon() {
    clearTimeout(this.#timer);
    const text = this.#input.value.trim();
    if (text.length < this.#lengthMin) {
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
    this.#list.replaceChildren(...this.#options.map((one, i) => {
      const { name, meta } = this.#words.of(one);
      return el('li', { id: `${this.#id}-option-${i}`, role: 'option', 'aria-selected': 'false' }, el('span', { class: 'name' }, name), el('span', { class: 'meta' }, meta));
    }));
    this.#list.hidden = this.#options.length === 0;
    setAttribute(this.#input, 'aria-expanded', String(!this.#list.hidden));
    this.#status.hidden = this.#options.length > 0;
    setText(this.#status, this.#options.length > 0 ? '' : this.#words.none());
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
    setAttribute(this.#input, 'aria-activedescendant', index >= 0 ? `${this.#id}-option-${index}` : null);
    this.#list.children[index]?.scrollIntoView({ block: 'nearest' });
  }

  #pick(one) {
    if (!one) return;
    this.clear();
    this.#onPick(one);
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
