// How the connection has been: ages of frames and counts, second by second and over the last ten minutes.
// Filled by frames, read by the header and by Pulse; touches no element.

const BUCKET_US = 5_000_000;
const BUCKETS_MAX = 120;
// Of one bucket; what comes after the first 512 says little more.
const SAMPLES_MAX = 512;
const NOW_US = 10_000_000;
const RATE_SECONDS = 3;

export class Vitals {
  updates = 0;
  mergedFrames = 0;
  mergedChanges = 0;
  reconnects = 0;
  lastFrameAtMs = null;
  #buckets = [];
  #seconds = new Map();

  /** One frame: `changes` it stands for, and how old it was (null where that says nothing). */
  count({ changes, serverUs, feedUs }, atUs) {
    const bucket = this.#bucket(atUs);
    this.updates += changes;
    bucket.updates += changes;
    this.lastFrameAtMs = atUs / 1000;
    if (changes > 1) {
      this.mergedFrames += 1;
      this.mergedChanges += changes - 1;
    }
    if (serverUs !== null && bucket.server.length < SAMPLES_MAX) bucket.server.push(serverUs);
    if (feedUs !== null && bucket.feed.length < SAMPLES_MAX) bucket.feed.push(feedUs);
    const second = Math.floor(atUs / 1e6);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + changes);
    for (const old of this.#seconds.keys()) if (old < second - RATE_SECONDS) this.#seconds.delete(old);
  }

  /** `{server, feed}`, each `{medianUs, p95Us}` of the last ten seconds or null. */
  now(atUs) {
    const fresh = this.#buckets.filter(({ fromUs }) => atUs - fromUs <= NOW_US);
    return { server: quantiles(fresh.flatMap(({ server }) => server)), feed: quantiles(fresh.flatMap(({ feed }) => feed)) };
  }

  /** Changes a second, of the last whole seconds. */
  perSecond(atUs) {
    const second = Math.floor(atUs / 1e6);
    let sum = 0;
    for (let back = 1; back <= RATE_SECONDS; back += 1) sum += this.#seconds.get(second - back) ?? 0;
    return sum / RATE_SECONDS;
  }

  /** By five seconds, oldest first: `{atS, server, feed, perSecond}`, quantiles or null where none came. */
  history(atUs) {
    const byStart = new Map(this.#buckets.map((bucket) => [bucket.fromUs, bucket]));
    const lastUs = start(atUs);
    const firstUs = this.#buckets[0]?.fromUs ?? lastUs;
    const rows = [];
    for (let fromUs = firstUs; fromUs < lastUs; fromUs += BUCKET_US) {
      const bucket = byStart.get(fromUs);
      rows.push({
        atS: fromUs / 1e6, server: quantiles(bucket?.server ?? []), feed: quantiles(bucket?.feed ?? []),
        perSecond: (bucket?.updates ?? 0) / (BUCKET_US / 1e6),
      });
    }
    return rows.slice(-BUCKETS_MAX);
  }

  #bucket(atUs) {
    const fromUs = start(atUs);
    let bucket = this.#buckets.at(-1);
    if (bucket?.fromUs !== fromUs) {
      bucket = { fromUs, server: [], feed: [], updates: 0 };
      this.#buckets.push(bucket);
      while (this.#buckets[0].fromUs < fromUs - BUCKETS_MAX * BUCKET_US) this.#buckets.shift();
    }
    return bucket;
  }
}

/** "12 ms", "< 1 ms", "3 s". */
export function millisecondsText(us) {
  if (us < 950) return '< 1 ms';
  return us < 10_000_000 ? `${Math.round(us / 1000)} ms` : `${Math.round(us / 1e6)} s`;
}

/** "3.2/s", "48/s". */
export function rateText(perSecond) {
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
}

function start(atUs) {
  return Math.floor(atUs / BUCKET_US) * BUCKET_US;
}

function quantiles(samples) {
  if (samples.length === 0) return null;
  const sorted = samples.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { medianUs: at(0.5), p95Us: at(0.95) };
}
