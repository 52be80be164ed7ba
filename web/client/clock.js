// The server's clock as seen from here, so that the age of a frame means something.

const PROBES_KEPT = 8;

/** Microseconds since the Unix epoch; steps of the wall clock while the page is open don't show. */
export function nowUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/**
 * Of the last few ping/pong pairs the quickest one is believed: its error is at most half its round
 * trip. Before the first pong, the stamp that was youngest on arrival is: its error is that one way.
 */
export class ServerClock {
  #probes = [];
  #floorUs = null;

  add(sentUs, receivedUs, serverUs) {
    if (!Number.isFinite(serverUs)) return;
    this.#probes.push({
      offsetUs: serverUs - (sentUs + receivedUs) / 2,
      roundTripUs: receivedUs - sentUs,
    });
    if (this.#probes.length > PROBES_KEPT) this.#probes.shift();
  }

  /** Something that the server stamped has come. */
  seen(stampUs, receivedUs) {
    if (Number.isFinite(stampUs)) this.#floorUs = Math.max(this.#floorUs ?? -Infinity, stampUs - receivedUs);
  }

  /** Another server may have another clock. */
  clear() {
    this.#probes = [];
    this.#floorUs = null;
  }

  /** `{offsetUs, roundTripUs}` of the quickest probe, or null before the first pong. */
  get best() {
    return this.#probes.reduce(
      (best, probe) => (!best || probe.roundTripUs < best.roundTripUs ? probe : best), null);
  }

  /** The server's time when it is `hereUs` here, as well as it is known. */
  serverUs(hereUs) {
    return hereUs + (this.best?.offsetUs ?? this.#floorUs ?? 0);
  }

  /** Age in microseconds of something stamped, or null before the first pong. */
  ageUs(stampUs, receivedUs) {
    if (!this.best || !Number.isFinite(stampUs)) return null;
    // Clock noise must not show as a frame from the future.
    return Math.max(0, this.serverUs(receivedUs) - stampUs);
  }
}
