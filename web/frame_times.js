// How smoothly the page draws: the time from one frame to the next while something moves.
//
// Frames are asked for only around a drawing, so an idle page stays idle.

const KEPT = 1_200;
const AFTER_DRAWING_MS = 500;

export class FrameTimes {
  #times = new Float64Array(KEPT);
  #count = 0;
  #lastMs = null;
  #untilMs = 0;
  #requestFrame;

  constructor(requestFrame = (run) => requestAnimationFrame(run)) {
    this.#requestFrame = requestFrame;
  }

  /** Something was drawn at `nowMs`: measures from here on, for a while. */
  drawn(nowMs) {
    const isRunning = this.#untilMs > 0;
    this.#untilMs = nowMs + AFTER_DRAWING_MS;
    if (!isRunning) this.#requestFrame((atMs) => this.#step(atMs));
  }

  /** `{count, p50, p99, longest}` of the last 1,200 frames, in milliseconds; null before the first. */
  summary() {
    const kept = Math.min(this.#count, KEPT);
    if (kept === 0) return null;
    const sorted = this.#times.slice(0, kept).sort();
    const at = (share) => sorted[Math.min(kept - 1, Math.floor(kept * share))];
    return { count: this.#count, p50: at(0.5), p99: at(0.99), longest: sorted[kept - 1] };
  }

  clear() {
    this.#count = 0;
  }

  #step(atMs) {
    if (this.#lastMs !== null) {
      this.#times[this.#count % KEPT] = atMs - this.#lastMs;
      this.#count += 1;
    }
    this.#lastMs = atMs;
    // A hidden page gets no frames: the time until it is shown again is none between two.
    if (atMs > this.#untilMs || globalThis.document?.hidden) {
      this.#untilMs = 0;
      this.#lastMs = null;
      return;
    }
    this.#requestFrame((nextMs) => this.#step(nextMs));
  }
}
