// The page for a talk: large, without anything to press, and going round what is worth a look by itself.

const TURN_MS = 12_000;
const GAMES_MAX = 3;

/** Turns the page: `stops()` gives what is worth a look now, and `show(stop)` shows one. */
export function rotate(stops, show) {
  let last = null;
  const turn = () => {
    last = nextStop(stops(), last);
    show(last);
  };
  turn();
  return setInterval(turn, TURN_MS);
}

/** The stop after `last`, whatever has come and gone since; the first where that is not among them. */
export function nextStop(stops, last) {
  const at = stops.findIndex(({ view, game }) => view === last?.view && game === last?.game);
  // A game that is over, or a slate that had none yet, leaves its place to the view that comes after games.
  if (at < 0 && last) return stops.find(({ view }) => view !== 'slate') ?? stops[0];
  return stops[(at + 1) % stops.length];
}

/** Games that are worth a look, the closest and the latest first, and the other views between them. */
export function stopsOf(games, { hasTeam = false, hasContest = false }) {
  const live = games.filter(({ status }) => status === 'live').sort((a, b) => interest(b) - interest(a)).slice(0, GAMES_MAX);
  const views = [{ view: 'leaders' }, ...(hasTeam ? [{ view: 'team' }] : []), ...(hasContest ? [{ view: 'contests' }] : []), { view: 'pulse' }];
  const slate = live.length > 0 ? live.map(({ game }) => ({ view: 'slate', game })) : [{ view: 'slate' }];
  const stops = [];
  while (slate.length > 0 || views.length > 0) stops.push(...slate.splice(0, 1), ...views.splice(0, 1));
  return stops;
}

// A close game late is worth more than a close one early.
function interest({ score = {}, clock, home, away }) {
  const apart = Math.abs((score[home] ?? 0) - (score[away] ?? 0));
  return (clock?.quarter ?? 1) * 4 - apart;
}
