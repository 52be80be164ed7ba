/**
 * Connects to a Scorewire server, and stays connected until `close()`.
 * @param url `https://…` or `wss://…`, with or without a path under which the server's begin; the page's own address where absent.
 */
export function connect(url?: string | URL, options?: Options): Live;

/** A roster to subscribe to, as one topic with a total of its own. */
export function lineup<Chosen extends Lineup>(chosen: Chosen): Lineup;

/** Points as an integer of 1/10,000; null where there is no number. */
export function toUnits(points: number | null | undefined): number | null;
/** An integer of 1/10,000 point as points. */
export function fromUnits(units: number): number;
/** Adds points up exactly: `0.1 + 0.2` is `0.3`. */
export function sumPoints(list: Iterable<number | null | undefined>): number;

/** The close code of a server that takes the token for no use, or misses one. */
export const UNAUTHORIZED: number;
/** Close codes after which there is no coming back. */
export const FINAL_CODES: readonly number[];

export interface Options {
  /** A JWT or an API key; or who gets one: asked at each connection, and again shortly before the token expires. */
  token?: string | null | (() => string | Promise<string>);
  /** For subscriptions that name none. The server's default where absent. */
  ruleset?: string;
  /** At most so many frames a second for each topic, 0.01 to 1000. All of them where absent. */
  maxRateHz?: number;
  /** `binary` of `scorewire-client/binary`; JSON where absent. */
  coding?: Coding;
  /** `auto`: server-sent events where WebSockets don't get through. */
  transport?: 'auto' | 'websocket' | 'sse';
  /** For Node before 22, which has none of its own: `ws`, for example. Without one, server-sent events are read. */
  WebSocket?: unknown;
  fetch?: (url: URL, init?: RequestInit) => Promise<Response>;
  /** After so long in the background topics come at `hiddenRateHz`. 10,000; Infinity for never. */
  hiddenAfterMs?: number;
  /** 0.2. Scoring plays and corrections don't wait. */
  hiddenRateHz?: number;
  /** After so long in the background the connection is closed until the page is shown. 300,000; Infinity for never. */
  pauseAfterMs?: number;
  /** A message longer than this ends the connection for good. 4 MiB. */
  bytesMax?: number;
  /** What the server refused, and what could not be read. A warning on the console where absent. */
  onProblem?: (problem: Problem) => void;
  /** Numbers from 0 to 1, for backoff. */
  random?: () => number;
}

export interface Problem {
  /** A code of docs/protocol.md, or `bad_message`. */
  code: string;
  message: string;
  topic?: string | null;
  ruleset?: string;
}

export interface Coding {
  readonly name: 'json' | 'bin';
  readonly protocol: string;
  decode(data: any): any;
  encode(message: any): any;
}

/** The contract of React's `useSyncExternalStore`, and of Svelte's stores. */
export interface Store<Value> {
  /** The same object until something has changed. */
  getSnapshot: () => Value;
  /** Calls `listener` now and after each change; returns what ends that. */
  subscribe: (listener: (value: Value) => void) => () => void;
}

export type State = 'connecting' | 'live' | 'late' | 'reconnecting' | 'offline' | 'paused' | 'refused' | 'stopped';

export interface Status {
  readonly state: State;
  /** When the next attempt is due, in milliseconds of `Date.now()`; null unless one is. */
  readonly retryAtMs: number | null;
  /** The close code that says why, while `refused`. */
  readonly code: number | null;
  readonly transport: 'websocket' | 'sse' | null;
  readonly coding: 'json' | 'bin' | null;
}

export interface Live {
  readonly state: State;
  readonly status: Store<Status>;
  /** Of the server's history; null before it is known, and over server-sent events. */
  readonly epoch: string | null;
  /** Frames that did not follow what was held. Each is a fault of the server's, and cost a snapshot. */
  readonly gaps: number;
  /** How far the server's clock is ahead, and the round trip that told; null before the first pong. */
  readonly latency: { readonly offsetUs: number; readonly roundTripUs: number } | null;
  /** The server's time now, in microseconds since the Unix epoch, as well as it is known. */
  readonly serverUs: number;
  onState(listener: (status: Status) => void): () => void;
  subscribe<Topic extends string>(topic: Topic, handler?: Handler<Topic>, settings?: Settings): Subscription<ViewOf<Topic>, Topic>;
  subscribe(lineup: Lineup, handler?: Handler<'lineup:'>, settings?: Settings): Subscription<LineupView | null, 'lineup:'>;
  subscribe<Topic extends string>(list: readonly (Topic | Lineup)[], handler?: Handler<Topic>, settings?: Settings): Subscription<ReadonlyMap<string, View>, Topic>;
  /** The JSON of a path such as `/v1/games`, with the token. Rejects with `{status, code, message}`. */
  get(path: `/${string}`): Promise<any>;
  /** Comes back now rather than when the wait is over; also after a refusal. */
  retry(): void;
  close(): void;
}

export interface Settings {
  ruleset?: string;
  maxRateHz?: number;
}

export interface Lineup {
  readonly name?: string;
  readonly ruleset?: string;
  readonly slots: readonly { readonly slot: string; readonly player: string; readonly multiplier?: number }[];
}

export interface Subscription<Value, Topic extends string = string> extends AsyncIterable<Update<Topic>> {
  readonly store: Store<Value>;
  getSnapshot(): Value;
  /** What the server refused, by topic. */
  readonly errors: ReadonlyMap<string, { code: string; message: string }>;
  close(): void;
}

export type Handler<Topic extends string> = (update: Update<Topic>) => void;

export interface Update<Topic extends string = string> {
  readonly topic: string;
  readonly ruleset: string | undefined;
  readonly view: NonNullable<ViewOf<Topic>>;
  /** The view before; null for the first. Shares with `view` all that did not move. */
  readonly previous: NonNullable<ViewOf<Topic>> | null;
  /** What the server sent; null where something expired, or was there already. */
  readonly frame: any;
  /** By how many points the topic's total moved since `previous`, exactly; null where it has none, or shows another game. */
  readonly change: number | null;
  /** How many changes of the topic this stands for; 0 for a snapshot. */
  readonly changes: number;
  readonly causes: readonly Cause[];
  readonly causesOmitted: number;
  /** Updates that a slow reader of `for await` got as one; else 1. */
  readonly merged: number;
  /** From the feed's stamp, and from the server's, to here, in microseconds. */
  readonly latency: { readonly feedUs: number | null; readonly serverUs: number | null };
}

export interface Cause {
  readonly game: string;
  readonly play?: string;
  readonly rev: number;
  readonly kind: 'play' | 'correction' | 'retraction' | 'game';
  readonly stats?: Stats;
}

/** By name; one that is 0 is absent, but for `points_allowed`. */
export type Stats = Readonly<Record<string, number>>;
/** By team. */
export type Counts = Readonly<Record<string, number>>;

export type ViewOf<Topic extends string> =
  | (Topic extends `player:${string}` ? PlayerView
    : Topic extends `game:${string}` | `team:${string}` ? GameView
    : Topic extends `predictions:${string}` ? PredictionsView
    : Topic extends `lineup:${string}` ? LineupView
    : Topic extends `contest:${string}` ? ContestView
    : Topic extends `entry:${string}` ? EntryView
    : Topic extends 'slate' ? SlateView
    : View)
  | null;
export type View = PlayerView | GameView | SlateView | PredictionsView | LineupView | ContestView | EntryView;

interface Shown {
  readonly topic: string;
  readonly ruleset?: string;
  readonly seq: number;
}

export interface Who {
  readonly name?: string;
  readonly team?: string;
  readonly position?: string;
}

export interface PlayerView extends Shown, Who {
  /** With four decimals at most. */
  readonly points: number;
  readonly stats: Stats;
  readonly game?: string;
}

export interface Player extends Who {
  readonly player: string;
  readonly points: number;
  readonly stats: Stats;
}

export interface Game {
  readonly game: string;
  readonly home?: string;
  readonly away?: string;
  /** Microseconds since the Unix epoch. */
  readonly kickoff?: number;
  readonly status?: 'scheduled' | 'live' | 'halftime' | 'final';
  readonly clock?: { readonly quarter: number; readonly seconds_left: number };
  readonly situation?: {
    readonly down?: number; readonly distance?: number; readonly yards_to_goal?: number;
    readonly possession?: string; readonly shotgun?: boolean; readonly no_huddle?: boolean;
  };
  readonly timeouts?: Counts;
  readonly score?: Counts;
}

export interface GameView extends Shown, Partial<Game> {
  readonly players: ReadonlyMap<string, Player>;
}

export interface SlateView extends Shown {
  readonly games: ReadonlyMap<string, Game>;
}

export interface Slot extends Player {
  readonly slot: string;
  readonly multiplier?: number;
  readonly game?: string;
}

export interface LineupView extends Shown {
  readonly points: number;
  readonly slots: readonly Slot[];
}

export interface ContestView extends Shown {
  readonly name: string;
  /** How many there are. */
  readonly entries: number;
  /** The best ones. Amounts of money are decimals of two places. */
  readonly leaders: readonly { readonly entry: string; readonly name: string; readonly points: number; readonly rank: number; readonly payout: number }[];
  /** Of each tier of the prizes its last place, what that is paid, and the points that it has now. */
  readonly cuts: readonly { readonly place: number; readonly payout: number; readonly points: number }[];
  /** The points of the last paid place; absent where none is. */
  readonly money_line?: number;
  /** How many entries have `from` points and less than a step more, and so on. */
  readonly distribution: { readonly from: number; readonly step: number; readonly counts: readonly number[] };
  /** When the odds of its entries were drawn, in microseconds since the Unix epoch. */
  readonly odds_at?: number;
}

export interface EntryView extends Shown {
  readonly contest: string;
  readonly entry: string;
  readonly name: string;
  /** How many entries the contest has. */
  readonly entries: number;
  readonly points: number;
  /** From 1; those with as many points share it, `tied` of them. */
  readonly rank: number;
  readonly tied: number;
  /** How many of 100 entries have fewer points. */
  readonly percentile: number;
  /** As it stands. */
  readonly payout: number;
  /** Points above the last paid place, less than 0 below it; absent where none is paid. */
  readonly to_money?: number;
  readonly players_left: number;
  readonly slots: readonly { readonly slot: string; readonly player: string; readonly points: number; readonly multiplier?: number }[];
  /** What is likely to become of it, from 0 to 1, as of `at`; absent before that was drawn. */
  readonly odds?: {
    readonly at: number; readonly draws: number; readonly win: number; readonly cash: number; readonly top1: number; readonly expected: number;
  };
}

export type ForecastKind = 'next_play' | 'drive' | 'win' | 'points';

export interface Prediction {
  readonly kind: ForecastKind;
  readonly after_play?: string;
  readonly team?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly kinds?: Readonly<Record<string, number>>;
  readonly call?: string;
  readonly confidence?: number;
  readonly points_ruleset?: string;
  readonly players: ReadonlyMap<string, { readonly player: string; readonly points: number; readonly low: number; readonly high: number }>;
  readonly source: 'model' | 'historical';
  readonly model?: string;
  readonly version?: string;
  readonly expires_us: number;
}

export interface PredictionsView extends Shown {
  /** Those that count still, by kind: what has expired is gone. */
  readonly predictions: ReadonlyMap<ForecastKind, Prediction>;
  /** The outcome of each kind that came last. */
  readonly outcomes: ReadonlyMap<ForecastKind, {
    readonly kind: ForecastKind; readonly call: string; readonly actual: string; readonly right: boolean; readonly probability: number;
  }>;
  readonly tally: { readonly right: number; readonly calls: number } | null;
}
