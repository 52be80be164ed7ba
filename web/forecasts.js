// What is thought to come in a game, in words: how sure, who says so, how often that was right.

const PLAY_WORDS = { run: 'Run', pass: 'Pass', punt: 'Punt', field_goal: 'FG', other: 'Other' };
// What a call is between.
const CALLED = ['run', 'pass'];
const DRIVE_WORDS = { touchdown: 'Touchdown', field_goal: 'Field goal', punt: 'Punt', turnover: 'Turnover', other: 'Other' };

/** "77%"; all and nothing only where it is certain. */
export function percentText(probability) {
  const percent = Math.round(probability * 100);
  if (percent >= 100 && probability < 1) return '> 99%';
  if (percent <= 0 && probability > 0) return '< 1%';
  return `${percent}%`;
}

/** True where no model was sure enough, and the past answers. */
export function isUsual({ source }) {
  return source === 'historical';
}

/** "✓ Pass": what was called, and whether it came. */
export function verdictText({ kind, call, right }) {
  const words = kind === 'drive' ? DRIVE_WORDS : PLAY_WORDS;
  return `${right ? '✓' : '✗'} ${words[call] ?? call}`;
}

/**
 * "Pass 77%", or '' without a prediction. The call is between run and pass, if it is one of the two:
 * where a punt or a field goal is likelier than both, that is said, and of any the share of all plays.
 */
export function nextPlayText(prediction) {
  if (!prediction) return '';
  const { kind, share } = nextPlay(prediction);
  return `${PLAY_WORDS[kind] ?? kind} ${percentText(share)}`;
}

/** How sure that call is, of 1; 0 without one. */
export function nextPlayShare(prediction) {
  return prediction ? nextPlay(prediction).share : 0;
}

/** "11 of 13 right", or '' before the first call. */
export function tallyShort(tally) {
  return tally?.calls > 0 ? `${tally.right} of ${tally.calls} right` : '';
}

/** `{away, home, favourite, text, label}`: shares of 1, who is ahead and both in words; or null. */
export function winChances(prediction, game) {
  if (!prediction) return null;
  const { probabilities = {} } = prediction;
  // Before the teams are announced they are called by where they play.
  const awayName = game.away in probabilities ? game.away : 'away';
  const homeName = game.home in probabilities ? game.home : 'home';
  const [away, home] = [probabilities[awayName], probabilities[homeName]];
  if (!Number.isFinite(away) || !Number.isFinite(home)) return null;
  const text = away > home ? `${awayName} ${percentText(away)}` : `${homeName} ${percentText(home)}`;
  return {
    away, home, text, favourite: away > home ? 'away' : 'home',
    label: `To win: ${awayName} ${percentText(away)}, ${homeName} ${percentText(home)}`,
  };
}

/** `[{end, words, share}]`, those that score first; all 0 without a prediction. */
export function driveEnds(prediction) {
  return Object.entries(DRIVE_WORDS).map(([end, words]) => ({ end, words, share: prediction?.probabilities?.[end] ?? 0 }));
}

/** "exp. 18.4 (11–26)": expected points at the end, and where 8 of 10 games end. '' for null. */
export function expectedText(expected) {
  if (!expected) return '';
  const { points, low, high } = expected;
  return `${isUsual(expected) ? 'usual' : 'exp.'} ${signed(points, 1)} (${signed(low, 0)}–${signed(high, 0)})`;
}

/** "18.4 (11–26)", for a column that says what it is; '' for null. */
export function expectedShort(expected) {
  return expected ? `${signed(expected.points, 1)} (${signed(expected.low, 0)}–${signed(expected.high, 0)})` : '';
}

/** The same as a sentence. */
export function expectedSentence({ points, low, high }) {
  return `Expected at the end of the game: ${signed(points, 1)}; 8 of 10 such games end between ${signed(low, 1)} and ${signed(high, 1)}`;
}

/** "Right 41 of 47 calls tonight", or '' before the first. */
export function tallyText({ right, calls }) {
  return calls > 0 ? `Right ${right} of ${calls} ${calls === 1 ? 'call' : 'calls'} tonight` : '';
}

/** A line for each model that was judged by what happened, from the `figures` of `GET /v1/models`. */
export function modelsText(told) {
  return told.filter(({ figures }) => figures?.outcomes > 0)
    .map(({ model, version, figures: { accuracy, outcomes } }) => `${model} ${version}: right ${percentText(accuracy)} of ${outcomes}`)
    .join('\n');
}

function nextPlay({ call, confidence, kinds = {} }) {
  const likeliest = mostProbable(kinds);
  const kind = likeliest === null || CALLED.includes(likeliest) ? call : likeliest;
  return { kind, share: kinds[kind] ?? confidence };
}

function mostProbable(shares) {
  return Object.keys(shares).reduce((best, one) => (best !== null && shares[best] >= shares[one] ? best : one), null);
}

function signed(points, decimals) {
  const text = Math.abs(points).toFixed(decimals);
  return points < 0 && Number(text) > 0 ? `−${text}` : text;
}
