// The views as tabs: each has an address, arrows move between them, and one is shown at a time.

import { setAttribute } from './dom.js';
import { hashOf, VIEWS } from './routes.js';

export class Tabs {
  #list;
  #token;
  #current = null;
  #onShow;

  /** `onShow(view, before)` when another one is shown. */
  constructor(list, { token, onShow }) {
    this.#list = list;
    this.#token = token;
    this.#onShow = onShow;
    for (const view of VIEWS) tab(view).setAttribute('href', hashOf(view, token));
    list.addEventListener('keydown', (event) => this.#move(event));
  }

  get current() {
    return this.#current;
  }

  /** Goes to a view's address; the address shows it. */
  go(view) {
    location.hash = hashOf(view, this.#token);
  }

  show(view) {
    if (view === this.#current) return;
    const before = this.#current;
    this.#current = view;
    for (const one of VIEWS) {
      setAttribute(tab(one), 'aria-selected', String(one === view));
      setAttribute(tab(one), 'tabindex', one === view ? null : '-1');
      panel(one).hidden = one !== view;
    }
    this.#onShow(view, before);
  }

  // By the ARIA pattern: what gets the focus is shown.
  #move(event) {
    const at = VIEWS.indexOf(this.#current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 }[event.key];
    if (to === undefined || event.target.getAttribute('role') !== 'tab') return;
    event.preventDefault();
    const view = VIEWS[(to + VIEWS.length) % VIEWS.length];
    this.go(view);
    this.show(view);
    tab(view).focus();
  }
}

function tab(view) {
  return document.getElementById(`tab-${view}`);
}

function panel(view) {
  return document.getElementById(`view-${view}`);
}
