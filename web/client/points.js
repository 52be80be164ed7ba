// Points as integers of 1/10,000. The wire carries decimals with at most four places; a sum of
// doubles drifts off them, a sum of integers does not.

const UNITS_PER_POINT = 10_000;

/** The wire's number as an integer of 1/10,000 point, or null where there is none. */
export function toUnits(points) {
  return Number.isFinite(points) ? Math.round(points * UNITS_PER_POINT) : null;
}

/** Integers of 1/10,000 point as the number that the wire would carry. */
export function fromUnits(units) {
  return units / UNITS_PER_POINT;
}

/** Adds points up exactly; what is none counts for nothing. */
export function sumPoints(list) {
  let units = 0;
  for (const points of list) units += toUnits(points) ?? 0;
  return fromUnits(units);
}
