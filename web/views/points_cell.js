// Points that flash where they move.

import { flash, setText } from '../dom.js';
import { formatChange, formatPoints } from '../points.js';

/** Writes points into `{points, change, drawnUnits}` and flashes where they moved since last drawn. */
export function drawPoints(row, units) {
  setText(row.points, formatPoints(units));
  if (row.drawnUnits !== null && units !== null && units !== row.drawnUnits) {
    setText(row.change, formatChange(units - row.drawnUnits));
    const direction = units > row.drawnUnits ? 'up' : 'down';
    flash(row.points, direction);
    flash(row.change, direction);
  } else if (units === null) {
    // Another ruleset: what moved under the old one says nothing now.
    setText(row.change, '');
  }
  row.drawnUnits = units;
}
