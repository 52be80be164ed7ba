// The messages of `scorewire.v1.bin`, as docs/scorewire.v1.proto has them: `name number type`, in the
// order of a table rather than of the file. A test holds the two against each other.
//
// Types: `text`, `uint`, `int`, `sint`, `bool`, `double`, `points` (sint64 of 1/10,000), `share` (uint of
// 1/10,000), `cents` (sint64 of 1/100), `millionths` (uint of 1/1,000,000), `halves` (sint of 1/2), `names` (map of text to uint), `shares` (map of text to share), an
// enum's or a message's name. `?` is absent where it is not there, `*` is a list, anything else has a
// default. A name in quotes does not exist in JSON: codec.js turns it into what does.

const STATS = [
  'passing_yards', 'passing_tds', 'interceptions', 'passing_attempts', 'completions', 'sacked', 'rushing_yards',
  'rushing_tds', 'rushing_attempts', 'receptions', 'targets', 'receiving_yards', 'receiving_tds', 'fumbles_lost',
  'two_point_conversions', 'return_tds', 'fumble_recovery_tds', 'field_goals_0_39', 'field_goals_40_49',
  'field_goals_50_plus', 'field_goals_missed', 'extra_points', 'extra_points_missed', 'field_goals_0_19',
  'field_goals_20_29', 'field_goals_30_39', 'field_goals_60_plus', 'field_goal_yards', 'return_yards', 'sacks',
  'interceptions_made', 'fumble_recoveries', 'safeties', 'blocked_kicks', 'defensive_tds', 'defensive_two_points',
  'points_allowed',
];

const WHO = 'name 5 text?,team 6 text?,position 7 text?';
const ABOUT = 'topic 1 text,ruleset 2 text?,seq 3 uint,';
const GAME = 'clock 9 Clock?,situation 10 Situation?,score 11 Counts?,status 17 Status?,timeouts 18 Counts?,'
  + 'home 20 text?,away 21 text?,kickoff 22 int?,';
const NAMED = 'name 23 text?,team 24 text?,position 25 text?,';
const SHOWN = 'points 5 points?,stats 7 Stats?,players 8 Player*,games 16 Game*,encode_us 13 int,';
const CONTESTS = 'contest 30 Contest?,entry 31 Entry?,';
const AGES = 'ingest_us 14 age?,feed_ts 15 age?,';
const MODEL = 'source 16 Source,model 17 text?,version 18 text?,';

const TABLE = {
  Server: 'id 1 int?,delta 2 Delta?,snapshot 3 Snapshot?,welcome 4 Welcome?,subscribed 5 Subscriptions?,'
    + 'unsubscribed 6 Subscriptions?,pong 7 Pong?,error 8 Error?,goodbye 9 Goodbye?,authorized 10 Authorized?,'
    + 'auth_expiring 11 AuthExpiring?,prediction 12 Prediction?,outcome 13 Outcome?,status 14 Lateness?',
  Lateness: 'late_ms 1 uint',
  Delta: `${ABOUT}prev 4 uint,change 6 points?,gone 19 Part*,causes 12 Cause*,causes_omitted 26 uint?,slots 29 Slot*,`
    + `${CONTESTS}${SHOWN}${GAME}${NAMED}${AGES}ingest_us_first 27 age?,feed_ts_first 28 age?`,
  Snapshot: `${ABOUT}reason 4 text,game 6 text?,predictions 26 Prediction*,tally 27 Tally?,slots 28 Slot*,`
    + `${CONTESTS}${SHOWN}${GAME}${NAMED}`,
  Prediction: `topic 1 text?,seq 3 uint?,prev 4 uint?,kind 5 Kind,after_play 6 text?,team 7 text?,probabilities 8 shares?,`
    + `kinds 9 shares?,call 10 text?,confidence 11 share?,points_ruleset 2 text?,players 12 Expected*,`
    + `${MODEL}expires_us 19 int,encode_us 13 int?,${AGES}`,
  Outcome: `topic 1 text,seq 3 uint,prev 4 uint,kind 5 Kind,after_play 6 text?,play 7 text?,call 8 text,actual 9 text,`
    + `right 10 bool,probability 11 share,tally 12 Tally?,${MODEL}encode_us 13 int,${AGES}`,
  Expected: 'player 1 text,points 2 points,low 3 points,high 4 points',
  Tally: 'right 1 uint,calls 2 uint',
  Player: `player 1 text,points 2 points,change 3 points?,stats 4 Stats?,${WHO}`,
  Slot: `slot 1 text,player 2 text,points 3 points,change 4 points?,stats 5 Stats?,name 6 text?,team 7 text?,`
    + 'position 8 text?,multiplier 9 hundredths?,game 10 text?',
  Leader: 'entry 1 text,name 2 text,points 3 points,rank 4 uint,payout 5 cents',
  Cut: 'place 1 uint,payout 2 cents,points 3 points',
  Distribution: 'from 1 points,step 2 points,counts 3 uint*',
  Entry: 'contest 1 text?,entry 2 text?,name 3 text?,entries 4 uint?,rank 5 uint,tied 6 uint,percentile 7 hundredths,payout 8 cents,'
    + 'to_money 9 points?,players_left 10 uint,slots 11 EntrySlot*,odds 12 Odds?',
  Contest: 'name 1 text?,entries 2 uint?,leaders 3 Leader*,cuts 4 Cut*,money_line 5 points?,distribution 6 Distribution?,odds_at 7 int?,final 8 bool?',
  EntrySlot: 'slot 1 text,player 2 text,points 3 points,multiplier 4 hundredths?',
  Odds: 'at 1 int,draws 2 uint,win 3 millionths,cash 4 millionths,top1 5 millionths,expected 6 cents',
  Game: 'game 1 text,status 2 Status,clock 3 Clock?,score 4 Counts?,gone 5 Part*,home 6 text?,away 7 text?,kickoff 8 int?',
  Clock: 'quarter 1 uint,seconds_left 2 uint',
  Situation: 'down 1 uint?,distance 2 uint?,yards_to_goal 3 uint?,possession 4 text?,shotgun 5 bool?,no_huddle 6 bool?',
  Counts: 'by_team 1 names?',
  Cause: 'game 1 text,play 2 text?,rev 3 uint,kind 4 CauseKind,stats 5 Stats?',
  Welcome: 'session 1 text,epoch 2 text,server_us 3 int,limits 4 Limits?',
  Limits: 'subscriptions 1 uint,message_bytes 2 uint,ping_interval_ms 3 int,silence_timeout_ms 4 int,stall_timeout_ms 5 int,'
    + 'ring_frames 6 uint,messages_per_second 7 uint,messages_burst 8 uint,message_timeout_ms 9 int',
  Subscriptions: 'topics 1 Subscription*,errors 2 Refused*,name 3 text?',
  Subscription: 'topic 1 text,ruleset 2 text?,seq 3 uint?,how 4 text?,reason 5 text?',
  Refused: 'topic 1 text,code 2 text,message 3 text',
  Pong: 'server_us 1 int',
  Error: 'code 1 text,message 2 text,topics 3 Subscription*',
  Authorized: 'expires_in_ms 1 uint?',
  AuthExpiring: 'expires_in_ms 1 uint',
  Goodbye: 'code 1 text,reconnect_after_ms 2 uint',
  Stats: STATS.map((name, i) => `${name} ${i + 1} ${name === 'sacks' ? 'halves' : 'sint'}?`).join(),
  Client: 'id 1 int?,subscribe 2 Subscribe?,unsubscribe 3 Subscribe?,ping 4 Pong?,auth 5 Auth?,lineup 6 Lineup?',
  Subscribe: 'topics 1 text*,ruleset 2 text?,epoch 3 text?,since 4 names?,max_rate_hz 5 double?',
  Auth: 'token 1 text?',
  Lineup: 'name 1 text?,ruleset 2 text?,slots 3 Choice*,epoch 4 text?,since 5 uint?,max_rate_hz 6 double?',
  Choice: 'slot 1 text,player 2 text,multiplier 3 hundredths?',
};

export const ENUMS = {
  Status: ['scheduled', 'live', 'halftime', 'final'],
  Part: [null, 'clock', 'situation', 'score', 'timeouts'],
  Kind: ['next_play', 'drive', 'win', 'points'],
  Source: ['model', 'historical'],
  CauseKind: ['play', 'correction', 'retraction', 'game'],
};

/** message -> its fields `{name, number, type, mark}`, by number. */
export const MESSAGES = Object.fromEntries(Object.entries(TABLE).map(([message, table]) => {
  const fields = [];
  for (const line of table.split(',')) {
    const [name, number, type] = line.split(' ');
    if (name) fields[number] = { name, number: Number(number), type: type.replace(/[?*]/, ''), mark: type.match(/[?*]/)?.[0] };
  }
  return [message, fields];
}));
