// Points as integers. The wire carries JSON numbers with at most four decimals; sums are made in
// 1/10,000 point, so that a total on screen is exact whatever was added to it.

export { toUnits } from './client/points.js';

const UNITS_PER_CENT = 100;

/** Two decimals with a true minus sign; an en dash where there is no number. */
export function formatPoints(units) {
  if (units === null || units === undefined) return '–';
  const cents = roundedCents(units);
  const text = (Math.abs(cents) / 100).toFixed(2);
  return cents < 0 ? `−${text}` : text;
}

/** As `formatPoints`, but a gain shows its plus sign. */
export function formatChange(units) {
  const text = formatPoints(units);
  return roundedCents(units) > 0 ? `+${text}` : text;
}

// Half a cent goes away from zero, so that a change and its reversal read alike.
function roundedCents(units) {
  const cents = Math.round(Math.abs(units) / UNITS_PER_CENT);
  return units < 0 && cents > 0 ? -cents : cents;
}
