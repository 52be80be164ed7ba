// Stat lines and causes in words. Takes numbers and gives text; never markup.

// Name of a stat in a sentence about what just happened: [one, many].
const STAT_WORDS = {
  passing_yards: ['passing yard', 'passing yards'],
  passing_tds: ['passing TD', 'passing TDs'],
  interceptions: ['interception', 'interceptions'],
  sacked: ['time sacked', 'times sacked'],
  rushing_yards: ['rushing yard', 'rushing yards'],
  rushing_tds: ['rushing TD', 'rushing TDs'],
  receptions: ['catch', 'catches'],
  receiving_yards: ['receiving yard', 'receiving yards'],
  receiving_tds: ['receiving TD', 'receiving TDs'],
  fumbles_lost: ['fumble lost', 'fumbles lost'],
  two_point_conversions: ['two-point conversion', 'two-point conversions'],
  return_tds: ['return TD', 'return TDs'],
  fumble_recovery_tds: ['fumble recovery TD', 'fumble recovery TDs'],
  field_goals_0_39: ['short field goal', 'short field goals'],
  field_goals_40_49: ['field goal from 40–49', 'field goals from 40–49'],
  field_goals_50_plus: ['field goal from 50+', 'field goals from 50+'],
  field_goals_missed: ['missed field goal', 'missed field goals'],
  extra_points: ['extra point', 'extra points'],
  extra_points_missed: ['missed extra point', 'missed extra points'],
  sacks: ['sack', 'sacks'],
  interceptions_made: ['interception', 'interceptions'],
  fumble_recoveries: ['fumble recovery', 'fumble recoveries'],
  safeties: ['safety', 'safeties'],
  blocked_kicks: ['blocked kick', 'blocked kicks'],
  defensive_tds: ['defensive TD', 'defensive TDs'],
  defensive_two_points: ['defensive two-pointer', 'defensive two-pointers'],
  points_allowed: ['point allowed', 'points allowed'],
};

const NO_BREAK = '\u00a0';

// Said only when a play did nothing else: every catch is also a target.
const MINOR_STAT_WORDS = {
  completions: ['completion', 'completions'],
  passing_attempts: ['pass attempt', 'pass attempts'],
  targets: ['target', 'targets'],
  rushing_attempts: ['carry', 'carries'],
};

/**
 * A stat line as a box score writes it: "12/18, 143 yds, 1 TD · 3 rush, 11 yds". No-break spaces
 * keep a number with its unit, and a dot with what is before it.
 */
export function statLine(stats) {
  return [passing, rushing, receiving, kicking, defence, oddments]
    .map((describe) => describe(stats).filter(Boolean).map((part) => part.replaceAll(' ', NO_BREAK)).join(', '))
    .filter(Boolean)
    .join(`${NO_BREAK}· `);
}

/** What a cause did, summed over merged ones: "+24 passing yards, +1 passing TD". */
export function causeText(causes) {
  const sums = {};
  for (const cause of causes) {
    for (const [stat, value] of Object.entries(cause.stats ?? {})) {
      sums[stat] = (sums[stat] ?? 0) + value;
    }
  }
  return changesInWords(sums, STAT_WORDS) || changesInWords(sums, MINOR_STAT_WORDS);
}

/** `correction` where any cause took something back or changed it, else `play`. */
export function causeKind(causes) {
  if (causes.some((cause) => cause.kind === 'correction')) return 'correction';
  if (causes.some((cause) => cause.kind === 'retraction')) return 'retraction';
  return 'play';
}

function changesInWords(sums, words) {
  return Object.keys(words)
    .filter((stat) => sums[stat])
    .map((stat) => {
      const value = sums[stat];
      const [one, many] = words[stat];
      const sign = value < 0 ? '−' : '+';
      return `${sign}${Math.abs(value)} ${Math.abs(value) === 1 ? one : many}`;
    })
    .join(', ');
}

function count(value, one, many = one) {
  return value ? `${minus(value)} ${value === 1 ? one : many}` : '';
}

function yards(value = 0) {
  return `${minus(value)} yds`;
}

function minus(value) {
  return String(value).replace('-', '−');
}

function passing(s) {
  if (!s.passing_attempts && !s.passing_yards) return [];
  return [
    `${s.completions ?? 0}/${s.passing_attempts ?? 0}`, yards(s.passing_yards),
    count(s.passing_tds, 'TD'), count(s.interceptions, 'INT'),
  ];
}

function rushing(s) {
  if (!s.rushing_attempts && !s.rushing_yards && !s.rushing_tds) return [];
  return [`${s.rushing_attempts ?? 0} rush`, yards(s.rushing_yards), count(s.rushing_tds, 'TD')];
}

function receiving(s) {
  if (!s.receptions && !s.targets && !s.receiving_yards && !s.receiving_tds) return [];
  const caught = s.targets ? `${s.receptions ?? 0}/${s.targets} rec` : `${s.receptions ?? 0} rec`;
  return [caught, yards(s.receiving_yards), count(s.receiving_tds, 'TD')];
}

function kicking(s) {
  const good = (s.field_goals_0_39 ?? 0) + (s.field_goals_40_49 ?? 0) + (s.field_goals_50_plus ?? 0);
  const tried = good + (s.field_goals_missed ?? 0);
  const extra = s.extra_points ?? 0;
  const extraTried = extra + (s.extra_points_missed ?? 0);
  return [tried ? `${good}/${tried} FG` : '', extraTried ? `${extra}/${extraTried} XP` : ''];
}

function defence(s) {
  return [
    s.points_allowed === undefined ? '' : `${s.points_allowed} pts allowed`,
    count(s.sacks, 'sack', 'sacks'), count(s.interceptions_made, 'INT'),
    count(s.fumble_recoveries, 'FR'), count(s.defensive_tds, 'TD'),
    count(s.safeties, 'safety', 'safeties'), count(s.blocked_kicks, 'block', 'blocks'),
    count(s.defensive_two_points, '2-pt return', '2-pt returns'),
  ];
}

function oddments(s) {
  return [
    count(s.fumbles_lost, 'fumble lost', 'fumbles lost'), count(s.two_point_conversions, '2-pt'),
    count(s.return_tds, 'return TD', 'return TDs'),
    count(s.fumble_recovery_tds, 'recovery TD', 'recovery TDs'),
  ];
}
