// How old a frame is when it gets here, although the two clocks disagree; and how many come.

const PROBES_KEPT = 8;
const SAMPLES_KEPT = 256;
const SAMPLE_LIFE_US = 10_000_000;
const FEED_AGE_MAX_US = 60_000_000;

/** Microseconds since the Unix epoch; steps of the wall clock while the page is open don't show. */
export function nowUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/**
 * The server's clock as seen from here. Of the last few ping/pong pairs the quickest one is
 * believed: its error is at most half its round trip.
 */
export class ServerClock {
  #probes = [];

  add(sentUs, receivedUs, serverUs) {
    this.#probes.push({
      offsetUs: serverUs - (sentUs + receivedUs) / 2,
      roundTripUs: receivedUs - sentUs,
    });
    if (this.#probes.length > PROBES_KEPT) this.#probes.shift();
  }

  clear() {
    this.#probes = [];
  }

  /** `{offsetUs, roundTripUs}` of the quickest probe, or null before the first pong. */
  get best() {
    return this.#probes.reduce(
      (best, probe) => (!best || probe.roundTripUs < best.roundTripUs ? probe : best), null);
  }

  /** The server's time when it is `hereUs` here, or null before the first pong. */
  serverUs(hereUs) {
    const best = this.best;
    return best ? hereUs + best.offsetUs : null;
  }

  /** Age in microseconds of something the server stamped, or null before the first pong. */
  ageUs(stampUs, receivedUs) {
    const serverUs = this.serverUs(receivedUs);
    if (serverUs === null || !Number.isFinite(stampUs)) return null;
    // Clock noise must not show as a frame from the future.
    return Math.max(0, serverUs - stampUs);
  }
}

/** True where a feed's own clock is close enough to ours to say anything about delay. */
export function isPlausibleFeedAge(ageUs) {
  return ageUs !== null && ageUs > 0 && ageUs < FEED_AGE_MAX_US;
}

/** Median and 95th percentile of the samples of the last ten seconds, 256 at most. */
export class LatencyWindow {
  #samples = [];

  add(valueUs, atUs) {
    this.#samples.push({ valueUs, atUs });
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
  }

  summary(atUs) {
    const fresh = this.#samples.filter((sample) => atUs - sample.atUs < SAMPLE_LIFE_US);
    if (fresh.length === 0) return null;
    const sorted = fresh.map((sample) => sample.valueUs).sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return { medianUs: at(0.5), p95Us: at(0.95) };
  }
}

/** Counts things and gives the mean rate over the last few seconds, one bucket a second. */
export class Rate {
  #buckets = new Map();
  #seconds;

  constructor(seconds = 3) {
    this.#seconds = seconds;
  }

  add(count, atUs) {
    const second = Math.floor(atUs / 1e6);
    this.#buckets.set(second, (this.#buckets.get(second) ?? 0) + count);
    for (const old of this.#buckets.keys()) {
      if (old < second - this.#seconds) this.#buckets.delete(old);
    }
  }

  /** Of whole seconds only: the one that is still filling would pull the rate down. */
  perSecond(atUs) {
    const second = Math.floor(atUs / 1e6);
    let sum = 0;
    for (let back = 1; back <= this.#seconds; back += 1) sum += this.#buckets.get(second - back) ?? 0;
    return sum / this.#seconds;
  }
}
