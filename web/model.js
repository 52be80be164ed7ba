// What the page knows: games, players with points, and which of them changed since it last drew.
// Filled by frames, read by the views; touches no element.

import { toUnits } from './points.js';

export class Model {
  /** game id -> {game, status, home, away, kickoff, clock, score, situation} */
  games = new Map();
  /** player id -> {player, name, team, position, game, stats, units} */
  players = new Map();
  /** Ids that changed since the last `takeChanges`; bounded by what there is. */
  #changedGames = new Set();
  #changedPlayers = new Set();
  #hasNewPlayers = false;

  /** From `GET /v1/games`: may be older than the slate's frames, so it only fills what is missing. */
  addGames(list) {
    for (const entry of list) {
      this.games.set(entry.game, { ...entry, ...this.games.get(entry.game) });
      this.#changedGames.add(entry.game);
    }
  }

  /** A snapshot of the slate also says which games are gone; a delta speaks of some games only. */
  applySlate(view, frame) {
    for (const { game } of frame.games ?? []) this.#mergeGame(game, view.games.get(game));
    if (frame.type !== 'snapshot') return;
    for (const game of this.games.keys()) {
      if (!view.games.has(game)) this.#removeGame(game);
    }
  }

  applyGame(game, view, frame) {
    // Score and clock come with the slate, which orders them itself; only it may set them twice.
    if (view.situation) this.#mergeGame(game, { situation: view.situation });
    for (const { player } of frame.players ?? []) this.#mergePlayer(game, view.players.get(player));
  }

  /** From `GET /v1/players`: people without a stat yet, and names that a frame left out. */
  addPlayers(list) {
    for (const { player, name, team, position, game } of list) {
      const known = this.players.get(player);
      if (!known) {
        this.players.set(player, { player, name, team, position, game, stats: {}, units: null });
        this.#hasNewPlayers = true;
      } else if (known.name === undefined) {
        Object.assign(known, { name, team, position });
        this.#hasNewPlayers = true;
      }
    }
  }

  /** Points of one ruleset mean nothing under another. */
  forgetPoints() {
    for (const [id, entry] of this.players) {
      entry.units = null;
      this.#changedPlayers.add(id);
    }
  }

  /** `{games, players, hasNewPlayers}` since the last call. */
  takeChanges() {
    const changes = {
      games: this.#changedGames, players: this.#changedPlayers, hasNewPlayers: this.#hasNewPlayers,
    };
    this.#changedGames = new Set();
    this.#changedPlayers = new Set();
    this.#hasNewPlayers = false;
    return changes;
  }

  #mergeGame(game, fields) {
    this.games.set(game, { game, ...this.games.get(game), ...fields });
    this.#changedGames.add(game);
  }

  #removeGame(game) {
    this.games.delete(game);
    this.#changedGames.add(game);
    for (const [id, entry] of this.players) {
      if (entry.game === game) this.players.delete(id);
    }
    this.#hasNewPlayers = true;
  }

  #mergePlayer(game, from) {
    const known = this.players.get(from.player);
    this.players.set(from.player, {
      ...known, ...from, game, units: toUnits(from.points),
    });
    this.#changedPlayers.add(from.player);
    // First points make a row belong elsewhere at once, not at the next reordering.
    if (!known || known.units === null) this.#hasNewPlayers = true;
  }
}
