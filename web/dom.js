// The few ways this page touches the document. Everything from the feed goes through `textContent`
// or `setAttribute`, so a hostile name is text like any other; markup from strings is never made.

/** An element with attributes and children; strings become text nodes. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes text only where it changed: an untouched cell costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or removes it for null; again only where it changed. */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Lets an element flash `up` or `down`. Two names of one animation take turns, because the same
 * name set again would not start again.
 */
export function flash(element, direction) {
  const turn = element.dataset.flash === `${direction}-a` ? 'b' : 'a';
  element.dataset.flash = `${direction}-${turn}`;
}

/** Puts children into the given order, moving as few as can be and keeping the focus. */
export function arrange(parent, children) {
  const focused = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  const places = new Map([...parent.children].map((child, index) => [child, index]));
  const stays = longestRise(children.map((child) => places.get(child) ?? -1));
  let next = null;
  for (let i = children.length - 1; i >= 0; i -= 1) {
    if (!stays.has(i)) parent.insertBefore(children[i], next);
    next = children[i];
  }
  // Moving an element takes the focus from what is inside it.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

// The places in a list of numbers of one longest rising run (patience sorting); negative numbers are in none.
function longestRise(numbers) {
  const tails = [];
  const before = numbers.map(() => -1);
  numbers.forEach((number, i) => {
    if (number < 0) return;
    let [low, high] = [0, tails.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[tails[middle]] < number) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? tails[low - 1] : -1;
    tails[low] = i;
  });
  const rise = new Set();
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i]) rise.add(i);
  return rise;
}

/** Whether the reader has asked for less motion. */
export function isStill() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** A function that may be called often and runs `draw` at most once a frame. */
export function oncePerFrame(draw) {
  let isPlanned = false;
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => {
      isPlanned = false;
      draw();
    });
  };
}
