// Never run: it compiles, so the types say what they should, and the code has what they declare.

import { WebSocket } from 'ws';
import { binary } from 'scorewire-client/binary';
import { connect, FINAL_CODES, fromUnits, lineup, sumPoints, toUnits, UNAUTHORIZED } from 'scorewire-client';
import type { GameView, Live, LineupView, PlayerView, Subscription, Update, View } from 'scorewire-client';
import { Live as LiveInCode } from '../live.js';
import { Subscription as SubscriptionInCode } from '../subscription.js';
import * as points from '../points.js';

const live: Live = connect('https://scores.example', { token: async () => 'a.b.c', ruleset: 'draftkings', coding: binary, WebSocket });
const stop: () => void = live.onState(({ state, retryAtMs, code }) => {
  const word: string = state;
  const number: number | null = retryAtMs ?? code;
  void word, number;
  // @ts-expect-error: no such state
  if (state === 'asleep') stop();
});

const player: PlayerView | null = live.subscribe('player:90-0000001', ({ view, previous, change, latency, frame }) => {
  const total: number = view.points;
  const before: number | undefined = previous?.points;
  const age: number | null = latency.serverUs;
  void total, before, change, age, frame;
  // @ts-expect-error: a view never changes
  view.points = 1;
}).getSnapshot();

const game: GameView | null = live.subscribe('game:2099010100').store.getSnapshot();
const several: ReadonlyMap<string, View> = live.subscribe(['slate', 'player:1']).getSnapshot();
const mine = live.subscribe(lineup({ name: 'mine', slots: [{ slot: 'QB', player: '90-0000001', multiplier: 1.5 }] }));
const view: LineupView | null = mine.getSnapshot();

const entry = live.subscribe('entry:c1/e7', ({ view: { rank, tied, payout, to_money: gap, odds } }) => {
  const numbers: (number | undefined)[] = [rank, tied, payout, gap, odds?.cash];
  void numbers;
}).getSnapshot();
const line: number | undefined = live.subscribe('contest:c1').getSnapshot()?.money_line;

async function read(subscription: Subscription<PlayerView | null, 'player:1'>) {
  for await (const { view: { points: now }, merged, causes } of subscription) {
    const total: number = sumPoints([now, toUnits(now), fromUnits(7), merged]);
    void total, causes[0]?.kind;
  }
}

// @ts-expect-error: a slot has a player
lineup({ slots: [{ slot: 'QB' }] });
// @ts-expect-error: no such option
connect(undefined, { tokens: 'x' });
// @ts-expect-error: no such coding
connect(undefined, { coding: 'bin' });

// What is declared is there: each member, and callable with as many arguments.
type Members<Declared> = { [Name in keyof Declared]: Declared[Name] extends (...given: infer Given) => unknown ? (...given: Given) => unknown : unknown };
declare const liveInCode: LiveInCode;
declare const subscriptionInCode: SubscriptionInCode;
const asDeclared: Members<Omit<Live, 'subscribe'>> = liveInCode;
const subscriptionAsDeclared: Members<Omit<Subscription<unknown>, typeof Symbol.asyncIterator>> = subscriptionInCode;
const pointsAsDeclared: Members<Pick<typeof points, 'toUnits' | 'fromUnits' | 'sumPoints'>> = { toUnits, fromUnits, sumPoints };
// And what is there is declared.
type Undeclared = Exclude<keyof LiveInCode, keyof Live>;
const nothing: Undeclared extends never ? true : Undeclared = true;

void player, game, several, view, entry, line, read, asDeclared, subscriptionAsDeclared, pointsAsDeclared, nothing, FINAL_CODES, UNAUTHORIZED;
void (null as unknown as Update);
