// The few ways this page touches the document. Everything from the feed goes through `textContent`
// or `setAttribute`, so a hostile name is text like any other; markup from strings is never made.

const SLIDE_MS = 350;

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

/** Puts children into the given order, moving only what is out of place and keeping the focus. */
export function arrange(parent, children) {
  const focused = document.activeElement;
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
  // Moving an element takes the focus from what is inside it.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

/** Runs `change`, and lets the children that it moved slide to their new places. */
export function slide(parent, change) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
    change();
    return;
  }
  const tops = new Map([...parent.children].map((child) => [child, child.getBoundingClientRect().top]));
  change();
  for (const child of parent.children) {
    const { top } = child.getBoundingClientRect();
    const by = (tops.get(child) ?? top) - top;
    const isSeen = Math.max(top, top + by) > 0 && Math.min(top, top + by) < innerHeight;
    if (by !== 0 && isSeen) {
      child.animate([{ transform: `translateY(${by}px)` }, { transform: 'none' }], { duration: SLIDE_MS, easing: 'ease-out' });
    }
  }
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
