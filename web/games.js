// A game's state in words: clock, down and distance, field position.

const QUARTER_SECONDS = 900;
export const REGULATION_SECONDS = 4 * QUARTER_SECONDS;
const OVERTIME_SECONDS = 600;
const STATUS_ORDER = { live: 0, halftime: 0, scheduled: 1, final: 2 };

/** Games being played first, then those to come, then those over; by kickoff within each. */
export function compareGames(a, b) {
  return (STATUS_ORDER[a.status] ?? 1) - (STATUS_ORDER[b.status] ?? 1)
    || (a.kickoff ?? 0) - (b.kickoff ?? 0)
    || (a.game < b.game ? -1 : 1);
}

/** "9 live · 1 at halftime · 2 to come · 4 final". */
export function slateText(games) {
  const counts = { live: 0, halftime: 0, scheduled: 0, final: 0 };
  for (const { status } of games) counts[status in counts ? status : 'scheduled'] += 1;
  const words = { live: 'live', halftime: 'at halftime', scheduled: 'to come', final: 'final' };
  return Object.keys(words).filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${words[status]}`).join(' · ');
}

/** "NE at HOU". */
export function matchText({ away, home }) {
  return `${away ?? '–'} at ${home ?? '–'}`;
}

/** "Q2 7:31", "OT 4:00", "Halftime", "Final", or the kickoff in the reader's own time. */
export function clockText(game) {
  switch (game.status) {
    case 'final': return game.clock?.quarter > 4 ? 'Final · OT' : 'Final';
    case 'halftime': return 'Halftime';
    case 'scheduled': return game.kickoff ? kickoffText(game.kickoff) : 'Scheduled';
    default: return game.clock ? quarterText(game.clock) : 'Live';
  }
}

/** "3rd & 7 · HOU 45", or nothing between plays and outside of play. */
export function situationText(game) {
  const situation = game.situation;
  if (game.status !== 'live' || !situation?.down) return '';
  const isGoal = situation.distance >= situation.yards_to_goal;
  const down = `${ordinal(situation.down)} & ${isGoal ? 'goal' : situation.distance}`;
  const spot = spotText(game, situation);
  return spot ? `${down} · ${spot}` : down;
}

/** Seconds of play that a game has behind it, overtime included; null before its clock is known. */
export function elapsedSeconds({ clock, status }) {
  if (!clock) return status === 'scheduled' ? 0 : null;
  const { quarter, seconds_left: left = 0 } = clock;
  return quarter > 4 ? REGULATION_SECONDS + OVERTIME_SECONDS - left : quarter * QUARTER_SECONDS - left;
}

/** Which team has the ball, or null. */
export function possessionOf(game) {
  return game.status === 'live' ? game.situation?.possession ?? null : null;
}

/** "HOU 10 – NE 14 · Q2 7:31" for a player's card. */
export function gameLine(game) {
  if (!game) return '';
  const { away, home, score } = game;
  const teams = score && game.status !== 'scheduled'
    ? `${away} ${score[away] ?? 0} – ${home} ${score[home] ?? 0}`
    : matchText(game);
  return `${teams} · ${clockText(game)}`;
}

function quarterText({ quarter, seconds_left: secondsLeft = 0 }) {
  const minutes = Math.floor(secondsLeft / 60);
  const seconds = String(secondsLeft % 60).padStart(2, '0');
  return `${quarter > 4 ? 'OT' : `Q${quarter}`} ${minutes}:${seconds}`;
}

function kickoffText(kickoffUs) {
  return new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: 'numeric', minute: '2-digit' })
    .format(new Date(kickoffUs / 1000));
}

function spotText(game, { possession, yards_to_goal: yardsToGoal }) {
  if (!yardsToGoal) return '';
  if (yardsToGoal === 50) return 'midfield';
  const opponent = possession === game.home ? game.away : game.home;
  return yardsToGoal < 50 ? `${opponent} ${yardsToGoal}` : `${possession} ${100 - yardsToGoal}`;
}

function ordinal(number) {
  return ['1st', '2nd', '3rd', '4th'][number - 1] ?? String(number);
}
