// How old frames were, and how many came: of the last few seconds.

const SAMPLES_KEPT = 256;
const SAMPLE_LIFE_US = 10_000_000;

/** Microseconds of a clock that is never set back. */
export function nowUs() {
  return performance.now() * 1_000;
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
